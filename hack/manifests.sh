#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Prints what `kubectl apply -k DIR` would apply, with the operator's image replaced by IMAGE. No file is changed.
#
# usage: hack/manifests.sh IMAGE [DIR]      DIR is config/default if not given; KUBECTL names another kubectl
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

IMAGE=${1:?usage: hack/manifests.sh IMAGE [DIR]}
DIR=${2:-config/default}
REPOSITORY=ghcr.io/vitistack/talos-operator # as config/manager names it

name=$IMAGE version="newTag: latest"
if [[ $IMAGE == *@* ]]; then
    name=${IMAGE%@*} version="digest: ${IMAGE#*@}"
elif [[ ${IMAGE##*/} == *:* ]]; then # a colon before the last slash belongs to the registry's port
    name=${IMAGE%:*} version="newTag: \"${IMAGE##*:}\""
fi

mkdir -p .build
overlay=$(mktemp -d .build/manifests.XXXXXX)
trap 'rm -rf "$overlay"' EXIT
cat >"$overlay/kustomization.yaml" <<EOF
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
  - ../../$DIR
images:
  - name: $REPOSITORY
    newName: $name
    $version
EOF
"${KUBECTL:-kubectl}" kustomize "$overlay"
