# SPDX-License-Identifier: Apache-2.0
"""What can go wrong with a run."""


class BenchError(Exception):
    """The run cannot be measured: the operator ended, or did not get there in time."""
