#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Checks who imports what. `swift build --explicit-target-dependency-import-check error` does it for Swift modules that
# are built; it says nothing of C modules and Foundation, and nothing of the order of the targets.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
PROBLEMS=0

problem() {
    printf '%s\n' "$1"
    PROBLEMS=$((PROBLEMS + 1))
}

# Reports lines that match pattern $1 in Swift files, outside the paths that match pattern $2; $3 says what is wrong.
forbid() {
    local line
    while IFS= read -r line; do
        [[ $line =~ ^($2) ]] || problem "${line%%:[[:space:]]*}: $3"
    done < <(grep -rnE --include='*.swift' "$1" Sources Tests || true)
}

# Prints "target dependency" for each pair in Package.swift, in its order.
declared() {
    swift package dump-package | jq -r '.targets[] | .name as $name | "\($name) \($name)",
        (.dependencies[] | (.byName // .target // .product)[0] | "\($name) \(.)")'
}

# Reports imports of one of our modules that are not declared, and dependencies on a target further down.
layering() {
    local target module file line
    local -A allowed=() position=()
    while read -r target module; do
        allowed[$target/$module]=yes
        [[ -n ${position[$target]:-} ]] || position[$target]=${#position[@]}
        [[ -n ${position[$module]:-} ]] || problem "Package.swift: $target depends on $module, which comes after it"
    done < <(declared)
    ((${#position[@]} > 0)) || problem "Package.swift lists no targets"
    while IFS=: read -r file line module; do
        module=${module##* } module=${module%%.*}
        target=${file#*/} target=${target%%/*}
        [[ -z ${position[$module]:-} || -n ${allowed[$target/$module]:-} ]] ||
            problem "$file:$line: $target may not import $module"
    done < <(grep -rnoE --include='*.swift' \
        '^ *(@[a-z_A-Z]+ +)?((package|public|internal|private|fileprivate) +)?import +((struct|class|enum|protocol|func|var|let|typealias) +)?[A-Za-z_.]+' \
        Sources Tests)
}

layering
forbid '^[^/]*\bimport +(Foundation|FoundationEssentials|XCTest)\b' 'nowhere' \
    'not used here: Platform has what is needed'
forbid '^[^/]*\bimport +Dispatch\b' 'Sources/Platform/TimerQueue\.swift' \
    'one timer of its kernel, for all who sleep: they ask the clock'
forbid '^[^/]*\bimport +CCurl\b' 'Sources/HTTP/Client/' 'libcurl is the business of HTTP/Client'
forbid '^[^/]*\bimport +COpenSSL\b' 'Sources/(HTTP|PKI)/' 'OpenSSL is the business of PKI and HTTP'
forbid '^[^/]*\bimport +CGlibc\b' 'Sources/(Platform/|TalosOperator/Commands/RunCommand\.swift)|Tests/(TestSupport/Integration/Launch\.swift|Profile/)' \
    'what Glibc leaves out is the business of Platform, and the allocator that of the program'
forbid '^[^/]*\bimport +CYAML\b' 'Sources/StructuredData/' 'libyaml is the business of StructuredData'
forbid '^[^/]*\bimport +Testing\b' 'Tests/' 'tests only'
forbid '\bMutex *[<(]' 'nowhere' 'the thread sanitizer takes it for a race: use Platform.Locked'
forbid '\b(getenv|environ|ProcessInfo)\b' 'Sources/Platform/ProcessEnvironment\.|Tests/PlatformTests/ProcessEnvironmentTests\.' \
    'ProcessEnvironment has the variables'
forbid '\bProcessEnvironment\b' 'Sources/(TalosOperator/Main|Platform/ProcessEnvironment)\.swift|Tests/' \
    'only the program itself reads the environment'
forbid '\bpublic\b +(static|final|struct|class|enum|func|var|let|init|protocol|actor|extension|typealias)' 'nowhere' \
    'package is the widest access there is'

((PROBLEMS == 0)) || exit 1
echo "check-imports: every import is allowed"
