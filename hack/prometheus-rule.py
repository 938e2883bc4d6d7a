#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: Apache-2.0
"""Wraps config/prometheus/rules.yaml into the PrometheusRule beside it, prometheus-rule.yaml.

usage: prometheus-rule.py           writes prometheus-rule.yaml
       prometheus-rule.py --check   says whether it is what would be written; exit code 1 if not

Prometheus and promtool read the plain groups, the Prometheus Operator wants them inside an object.
"""
import pathlib
import sys

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "config/prometheus"
HEAD = """\
# SPDX-License-Identifier: Apache-2.0
#
# Made of rules.yaml by hack/prometheus-rule.py: edit that one.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: talos-operator
  namespace: talos-operator-system
  labels:
    app.kubernetes.io/name: talos-operator
    app.kubernetes.io/component: controller-manager
spec:
"""


def wrapped(rules):
    """The text of the PrometheusRule around the text of the groups."""
    groups = rules[rules.index("groups:\n"):]
    return HEAD + "".join(f"  {line}" if line.strip() else line for line in groups.splitlines(keepends=True))


def main(arguments):
    if arguments not in ([], ["--check"]):
        print(__doc__, file=sys.stderr)
        return 2
    rule = FOLDER / "prometheus-rule.yaml"
    text = wrapped((FOLDER / "rules.yaml").read_text())
    if not arguments:
        rule.write_text(text)
    elif not rule.exists() or rule.read_text() != text:
        print(f"{rule.name} is not what rules.yaml makes it: run hack/prometheus-rule.py")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
