#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Lets libFuzzer look for inputs that break a parser, and keeps those it finds as test cases.
#
# usage: hack/fuzz.sh SECONDS [TARGET ...]      SECONDS for each target; all targets if none is named
#
# What it learns stays in .build/fuzz/corpus, so the next run begins where this one ended. An input that breaks
# something is put into Tests/FuzzTests/Corpus, where `make unit` runs it from then on.
set -euo pipefail
cd "$(dirname "$0")/.."

SECONDS_EACH=${1:?usage: hack/fuzz.sh SECONDS [TARGET ...]}
shift
SCRATCH=.build/fuzz
KEPT=Tests/FuzzTests/Corpus
FUZZER=$SCRATCH/release/Fuzz

# In a build of its own, since it changes what the package is made of.
FUZZ=1 swift build --scratch-path "$SCRATCH" -c release --sanitize=fuzzer -Xswiftc -enable-testing --product Fuzz

if (($# == 0)); then
    read -ra targets < <(cd "$KEPT" && echo *)
    set -- "${targets[@]}"
fi

# Swift's own handler of crashes would keep libFuzzer from saving the input.
export SWIFT_BACKTRACE=enable=no
broken=0
for target in "$@"; do
    learned=$SCRATCH/corpus/$target
    found=$SCRATCH/found/$target
    log=$SCRATCH/$target.log
    rm -rf "$found"
    mkdir -p "$learned" "$found" "$KEPT/$target"
    if FUZZ_TARGET=$target "$FUZZER" -max_total_time="$SECONDS_EACH" -timeout=10 -rss_limit_mb=1024 -max_len=4096 \
        -print_final_stats=1 -artifact_prefix="$found/" "$learned" "$KEPT/$target" >"$log" 2>&1; then
        printf '%-20s nothing found, %s inputs tried\n' "$target" "$(awk '/number_of_executed_units/ { print $2 }' "$log")"
        continue
    fi
    broken=$((broken + 1))
    echo "$target: BROKEN, see $log"
    grep -aE 'does not hold|Fatal error|ERROR: libFuzzer|SUMMARY' "$log" | tail -n 4 || true
    for input in "$found"/*; do
        [[ -f $input ]] || continue
        kept=$KEPT/$target/found-$(sha256sum "$input" | cut -c 1-12)
        cp "$input" "$kept"
        echo "  the input is kept as $kept; run it again with: FUZZ_TARGET=$target $FUZZER $kept"
    done
done
((broken == 0))
