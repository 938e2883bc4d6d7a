#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs `swift test` with the arguments given, and says what failed once more at the end of its long output. With CI set,
# tests that pass are only counted.
#
# Some tests have to do with real time, those with sockets and child processes: so many at once that each waits long for
# its turn would make them fail on a busy machine.
set -uo pipefail

TESTS_AT_ONCE=16
OUTPUT=$(mktemp)
trap 'rm -f "$OUTPUT"' EXIT

# Passes on everything, or with CI set what is not about a step of the build or a test that begins or passes.
show() {
    [[ -n ${CI:-} ]] || exec cat
    exec awk '
        /^◇ / { isOpen = 1 } # its arguments may have several lines
        isOpen { isOpen = !/ started\.$/; next }
        /^\[[0-9]+\/[0-9]+\] / || /^✔ Suite / { next }
        /^✔ Test / && !/^✔ Test run / { if (++passed % 100 == 0) print passed " tests have passed"; next }
        { print }
        { fflush() }'
}

# Prints from file $1 what went wrong: each issue with its lines, the last words of operators, and the reports of
# compiler, runtime and sanitizers.
failures() {
    awk '
        /^(◇|✔|➜|✘ Suite)|^✘ Test .* failed after |^\[[0-9]+\/[0-9]+\] / { left = 0; next }
        /^✘|^--- operator|: error: |^error: |Fatal error|(Thread|Address|Leak)Sanitizer/ { left = 25 }
        left-- > 0' "$1" | head -n 400 # one cause is enough, however much follows from it
}

swift test --disable-xctest --experimental-maximum-parallelization-width "$TESTS_AT_ONCE" "$@" 2>&1 | tee "$OUTPUT" | show
status=${PIPESTATUS[0]}
if ((status != 0)); then
    printf '\n=== what failed (exit status %s) ===\n\n' "$status"
    failures "$OUTPUT" | grep . || tail -n 30 "$OUTPUT"
fi
exit "$status"
