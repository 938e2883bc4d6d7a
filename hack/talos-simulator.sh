#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs Tests/TalosSimulator with its own Python: hack/talos-simulator.sh --help
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

PYTHON=$("$ROOT/hack/install-deps.sh" talos-simulator)
export PYTHONPATH=$ROOT/Tests/TalosSimulator
exec "$PYTHON" -B -m talos_simulator "$@"
