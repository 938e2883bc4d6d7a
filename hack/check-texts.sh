#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Checks the form of everything that is no Swift: scripts, YAML, links between Markdown files; and who has no licence line.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

mapfile -t scripts < <({ grep -rlE '^#!.*bash' hack .ci && find hack -name '*.sh'; } | sort -u)
shellcheck -x "${scripts[@]}"

yamllint --strict -d '{extends: default, rules: {line-length: disable, document-start: disable,
    comments: {min-spaces-from-content: 1}, comments-indentation: disable, truthy: {check-keys: false},
    braces: {max-spaces-inside: 1}}}' config examples hack charts/talos-operator/{Chart,values}.yaml \
    Tests/PackagingTests

# Links to files, from the file they are in.
status=0
while IFS=: read -r file link; do
    link=${link#*](} link=${link%)} link=${link%%#*}
    [[ -z $link || $link == *://* || -e ${file%/*}/$link || -e $link && $file != */* ]] || {
        echo "$file: there is no $link"
        status=1
    }
done < <(grep -noE '\]\([^)<]+\)' README.md CHANGELOG.md examples/*.md | sed -E 's/:[0-9]+:/:/')

while IFS= read -r file; do
    [[ $(head -n 2 "$file") == *SPDX-License-Identifier:\ Apache-2.0* ]] || {
        echo "$file: the first lines do not name the licence"
        status=1
    }
done < <(find Package.swift Makefile Sources Tests hack config .ci -type f \
    \( -name '*.swift' -o -name '*.h' -o -name '*.sh' -o -name '*.py' -o -name '*.go' -o -name run \
    -o -name Makefile \) -not -path 'hack/results/*')
((status == 0)) || exit "$status"
echo "check-texts: ${#scripts[@]} scripts, YAML and links are in order"
