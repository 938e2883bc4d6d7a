#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Checks that all who name the version name the same: program, change log, kustomize tree, Helm chart, bundle, and the
# tag of this commit, if it has one.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

status=0
# The version of the program is the first one between quotes.
program=$(grep -m1 -oP '"\K[0-9]+\.[0-9]+\.[0-9]+[^"]*(?=")' Sources/TalosOperator/Version.swift)

# Says so if file $1 has another version behind the pattern $2.
check() {
    local version
    version=$(grep -m1 -oP "^$2\K[0-9][^\]\"]*" "$1" || true)
    if [[ $version != "$program" ]]; then
        echo "Sources/TalosOperator/Version.swift says $program, $1 says ${version:-nothing}"
        status=1
    fi
}

check CHANGELOG.md '## \['
check charts/talos-operator/Chart.yaml 'version: '
check charts/talos-operator/Chart.yaml 'appVersion: '
check config/manager/kustomization.yaml ' +newTag: '
check config/default/kustomization.yaml ' +app\.kubernetes\.io/version: '
check config/manifests/clusterserviceversion.yaml '  name: talos-operator\.v'
check config/manifests/clusterserviceversion.yaml '    containerImage: .*:'
check config/manifests/clusterserviceversion.yaml '  version: '
if tag=$(git describe --exact-match --match 'v[0-9]*' 2>/dev/null) && [[ $tag != "v$program" ]]; then
    echo "this commit is tagged $tag, the program says $program"
    status=1
fi
((status == 0)) || exit "$status"
echo "check-version: $program"
