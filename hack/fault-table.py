#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: Apache-2.0
"""Keeps the table of faults in the documentation in step with the tests that show it.

usage: fault-table.py REPORT...    puts what tests wrote to FAULT_REPORT into the table
       fault-table.py --check      exit code 1 if a row of the table has no test, or a test no row

A report in the long form beats one in the short form, and the last beats those before. Rows that no report is about stay
as they are; those whose test is gone go.
"""
import json
import re
import sys

from swiftsource import ROOT, files

PAGE = ROOT / "Sources/TalosOperator/TalosOperator.docc/Faults.md"
BEGIN, END = "<!-- rows: made by hack/fault-table.py -->", "<!-- end of rows -->"
HEAD = ["| Row | Fault | What holds | Measured | Shown by |", "| --- | --- | --- | --- | --- |"]
ROW = re.compile(r'\brow:\s*"([a-z0-9-]+)"')
SHORT = " (short form)"


def tested():
    """The names of the rows that tests record, each with the places where."""
    rows = {}
    for path in files("Tests"):
        text = path.read_text()
        for match in ROW.finditer(text):
            place = f"{path.relative_to(ROOT)}:{text.count(chr(10), 0, match.start()) + 1}"
            rows.setdefault(match.group(1), []).append(place)
    return rows


def read_page():
    """The text before the table, its rows by name in order, and the text behind it."""
    before, rest = PAGE.read_text().split(BEGIN)
    table, after = rest.split(END)
    lines = [line for line in table.splitlines() if line.startswith("| `")]
    return before, {line.split("`")[1]: line for line in lines}, after


def write_page(before, rows, after):
    PAGE.write_text(before + "\n".join([BEGIN, "", *HEAD, *rows.values(), "", END]) + after)


def measured(report):
    """The values of a report in words: `recovery 1.3 s, relists 1`."""
    def words(value, unit):
        if unit == "B":
            return f"{value / (1 << 20):.1f} MiB"
        if isinstance(value, float):
            value = f"{value:.2f}" if value < 10 else f"{value:.0f}"
        return f"{value} {unit}".strip()

    text = ", ".join(f"{entry['name']} {words(entry['value'], entry['unit'])}" for entry in report["measured"])
    return text + (SHORT if report["form"] == "short" else "")


def row(report):
    cells = [f"`{report['row']}`", report["fault"], report["promise"], measured(report), f"`make chaos TEST={report['test']}`"]
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def best_of(paths):
    """The report that counts of each row, in order of their first appearance."""
    best = {}
    for path in paths:
        with open(path, encoding="utf-8") as lines:
            for report in map(json.loads, lines):
                former = best.get(report["row"])
                if former is None or former["form"] != "long" or report["form"] == "long":
                    best[report["row"]] = report
    return best


def update(paths):
    before, rows, after = read_page()
    known = tested()
    for name, report in best_of(paths).items():
        is_worse = report["form"] == "short" and name in rows and SHORT not in rows[name]
        if name in known and not is_worse:
            rows[name] = row(report)
    write_page(before, {name: line for name, line in rows.items() if name in known}, after)
    return 0


def check():
    _, rows, _ = read_page()
    known = tested()
    problems = [f"{PAGE.relative_to(ROOT)}: no test records row '{name}'" for name in rows if name not in known]
    problems += [f"{known[name][0]}: row '{name}' is not in Faults.md" for name in known if name not in rows]
    print("\n".join(problems), end="\n" if problems else "")
    print(f"fault-table: {len(rows)} rows")
    return 1 if problems else 0


def main(arguments):
    if arguments == ["--check"]:
        return check()
    if not arguments or arguments[0].startswith("-"):
        print(__doc__, file=sys.stderr)
        return 2
    return update(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
