#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs `swift test` with the arguments given, and says what failed once more at the end of its long output.
set -uo pipefail

OUTPUT=$(mktemp)
trap 'rm -f "$OUTPUT"' EXIT

swift test "$@" 2>&1 | tee "$OUTPUT"
status=${PIPESTATUS[0]}
if ((status != 0)); then
    printf '\n=== what failed ===\n\n'
    # A test that failed, why, and the crash or sanitizer report of one that took the whole run along.
    grep -aE '^✘|^↳|error:|Fatal error|runtime error|(Thread|Address|Leak)Sanitizer' "$OUTPUT" | tail -n 60
fi
exit "$status"
