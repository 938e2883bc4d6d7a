#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the table of values in charts/talos-operator/README.md: every value, its default, and the comment above it.

usage: chart-readme.py           writes the table
       chart-readme.py --check   says whether it is what would be written; exit code 1 if not
"""
import pathlib
import re
import sys

CHART = pathlib.Path(__file__).resolve().parent.parent / "charts/talos-operator"
KEY = re.compile(r"( *)([A-Za-z0-9]+):(?: (.+))?$")
HEAD = "| value | default | |\n|---|---|---|\n"


def rows(lines):
    """A row for each line of values.yaml that has a value; the file has none that goes over several lines."""
    path, comment = [], []
    for number, line in enumerate(lines, 1):
        if line.lstrip().startswith("#"):
            comment.append(line.lstrip("# "))
            continue
        match = KEY.fullmatch(line)
        if line and not match:
            sys.exit(f"values.yaml:{number}: neither a comment nor a key: {line}")
        if match:
            indent, key, value = match.groups()
            path = path[:len(indent) // 2] + [key]
            if value:
                if not comment:
                    sys.exit(f"values.yaml:{number}: {'.'.join(path)} has no comment")
                yield ".".join(path), value, " ".join(comment)
        comment = []


def cell(text):
    return text.replace("|", "\\|")


def main():
    table = HEAD + "".join(
        f"| `{name}` | `{cell(value)}` | {cell(comment)} |\n"
        for name, value, comment in rows((CHART / "values.yaml").read_text().splitlines()))
    readme = CHART / "README.md"
    text = readme.read_text()
    old = re.compile(re.escape(HEAD) + r"(\|.*\n)*")
    if not old.search(text):
        sys.exit(f"{readme.name} has no table that begins with\n{HEAD}")
    new = old.sub(lambda _: table, text, count=1)
    if sys.argv[1:] != ["--check"]:
        readme.write_text(new)
    elif new != text:
        sys.exit(f"{readme.name} does not have the values of values.yaml: run hack/chart-readme.py")


main()
