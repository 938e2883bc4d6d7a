#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Puts the JSON lines of `make bench-curve` into the table of Performance.md, between its markers.

usage: hack/bench/curve.py dist/bench-curve.jsonl [Performance.md]

Without a file to change it prints the table. A line counts if it is the operator's own; of several with one N, the last.
"""
import json
import sys
from pathlib import Path

BEGIN, END = "<!-- curve: begin -->", "<!-- curve: end -->"
COLUMNS = [
    ("clusters", lambda line: line["n"]),
    ("Machines", lambda line: line["n"] * 8),
    ("CPU to converge, s", lambda line: line["converge_cpu_s"]),
    ("CPU a cluster, ms", lambda line: round(line["converge_cpu_s"] * 1000 / line["n"], 1)),
    ("requests a cluster", lambda line: round(line["requests_total"] / line["n"], 1)),
    ("peak RSS, MiB", lambda line: line["peak_rss_mib"]),
    ("RSS when idle, MiB", lambda line: line["idle_rss_mib"]),
    ("converged, s", lambda line: line["converge_s"]),
    ("restart until ready, s", lambda line: line["restart_ready_s"]),
]


def table(lines):
    rows = [[str(value(line)) for _, value in COLUMNS] for line in lines]
    header = [title for title, _ in COLUMNS]
    return "\n".join("| " + " | ".join(row) + " |" if row else "|" + "---|" * len(header)
                     for row in [header, [], *rows])


def read(path):
    lines = {}
    for text in path.read_text().splitlines():
        line = json.loads(text) if text.startswith("{") else {}
        if line.get("name") == "operator":
            lines[line["n"]] = line
    return [lines[n] for n in sorted(lines)]


def main():
    if len(sys.argv) not in (2, 3) or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    result = table(read(Path(sys.argv[1])))
    if len(sys.argv) == 2:
        print(result)
        return
    page = Path(sys.argv[2])
    before, rest = page.read_text().split(BEGIN)
    page.write_text(f"{before}{BEGIN}\n{result}\n{END}{rest.split(END)[1]}")


if __name__ == "__main__":
    main()
