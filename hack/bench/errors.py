# SPDX-License-Identifier: Apache-2.0
"""What can go wrong with a run, and how a script ends then."""
import signal
import subprocess
import sys


class BenchError(Exception):
    """The run cannot be measured: the operator ended, or did not get there in time."""


def end_well(main, say):
    """Runs `main`. Signals end it as exceptions do, by which all it started is ended; an error is said in a line."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
    except (BenchError, OSError, subprocess.CalledProcessError) as error:
        say(f"error: {error}")
        sys.exit(1)
