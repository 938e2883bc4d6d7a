#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Checks that the program, the change log and the tag of this commit, if it has one, name the same version.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# The first version between quotes in Version.swift, and the first heading of the change log that has one.
program=$(grep -m1 -oP '"\K[0-9]+\.[0-9]+\.[0-9]+[^"]*(?=")' Sources/TalosOperator/Version.swift)
changes=$(grep -m1 -oP '^## \[\K[0-9]+\.[0-9]+\.[0-9]+[^\]]*' CHANGELOG.md)
if [[ $program != "$changes" ]]; then
    echo "Sources/TalosOperator/Version.swift says $program, CHANGELOG.md says $changes"
    exit 1
fi
if tag=$(git describe --exact-match --match 'v[0-9]*' 2>/dev/null) && [[ $tag != "v$program" ]]; then
    echo "this commit is tagged $tag, the program says $program"
    exit 1
fi
echo "check-version: $program"
