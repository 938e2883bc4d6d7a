#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: Apache-2.0
"""Measures the size of the code and its use of escapes from Swift's checks, and compares both with their budgets.

usage: check-budgets.py        prints a table; exit code 1 if a budget is exceeded
"""
import re
import sys

from swiftsource import ROOT, code, files, functions

FORCED = re.compile(r"[\w)\]>?]!(?![=\w])")
STRAY_TASK = re.compile(r"\bTask(?:\.\w*[dD]etached|\.immediate)?\s*(?:<[^>]*>)?\s*(?:\([^)]*\))?\s*\{")
TRAP = re.compile(r"\b(?:fatalError|precondition(?:Failure)?|assert(?:ionFailure)?)\s*\(")
UNCHECKED = re.compile(r"@unchecked\s+Sendable|nonisolated\(unsafe\)")


def quantile(values, share):
    """The smallest value that at least `share` of the values do not exceed."""
    values = sorted(values)
    return values[max(0, -(-len(values) * share // 100) - 1)] if values else 0


def places(path, text, pattern):
    return [f"{path.relative_to(ROOT)}:{text.count(chr(10), 0, m.start()) + 1}" for m in pattern.finditer(text)]


def uncommented(path, text, whole):
    """Uses of UNCHECKED whose declaration has no comment above it."""
    lines = whole.splitlines()
    found = []
    for place in places(path, text, UNCHECKED):
        above = int(place.rsplit(":", 1)[1]) - 2
        while above >= 0 and lines[above].strip().startswith("@"):
            above -= 1
        if above < 0 or not lines[above].strip().startswith("//"):
            found.append(place)
    return found


class Report:
    """Collects the rows of the table."""

    def __init__(self):
        self.rows, self.details = [("aspect", "measured", "budget", "")], []

    def add(self, aspect, measured, budget, good, where=()):
        self.rows.append((aspect, str(measured), budget, "ok" if good else "EXCEEDED"))
        if not good:
            self.details += [f"{aspect}: {place}" for place in where]

    def spread(self, aspect, sized, median, p95, most):
        """A row for (size, place) pairs with three limits."""
        sizes = [size for size, _ in sized]
        measured = (quantile(sizes, 50), quantile(sizes, 95), max(sizes, default=0))
        good = all(value <= limit for value, limit in zip(measured, (median, p95, most)))
        large = [f"{place} has {size} lines" for size, place in sorted(sized, reverse=True) if size > p95]
        self.add(aspect, "{} / {} / {}".format(*measured), f"{median} / {p95} / {most}", good, large)

    def print(self):
        widths = [max(len(row[column]) for row in self.rows) for column in range(4)]
        for row in self.rows:
            print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
        print("\n".join(self.details), end="\n" if self.details else "")


def main():
    file_sizes, function_sizes, comments = [], [], 0
    forced, tasks, traps, unchecked, bare = [], [], [], [], []
    for path in files("Sources"):
        whole = path.read_text()
        text = code(whole)
        name = str(path.relative_to(ROOT))
        file_sizes.append((whole.count("\n"), name))
        comments += sum(line.strip().startswith("//") for line in whole.splitlines())
        function_sizes += [(length, f"{name}:{line}") for line, length in functions(text)]
        forced += places(path, text, FORCED)
        traps += places(path, text, TRAP)
        tasks += places(path, text, STRAY_TASK) if path.name != "Main.swift" else []
        unchecked += places(path, text, UNCHECKED)
        bare += uncommented(path, text, whole)
    tests = [(path.read_text().count("\n"), str(path.relative_to(ROOT))) for path in files("Tests")]
    sources = sum(size for size, _ in file_sizes)
    ratio = sum(size for size, _ in tests) / max(sources, 1)

    report = Report()
    report.spread("file length, median / p95 / max", file_sizes, 150, 300, 400)
    report.spread("function length, median / p95 / max", function_sizes, 8, 30, 60)
    longest = max(tests, default=(0, ""))
    report.add("longest test file", longest[0], "800", longest[0] <= 800, [longest[1]])
    report.add("test lines for each source line", f"{ratio:.2f}", ">= 1.00", ratio >= 1)
    report.add("forced: x!, try!, as!", len(forced), "0", not forced, forced)
    report.add("traps: fatalError, precondition, assert", len(traps), "0", not traps, traps)
    report.add("stray tasks outside Main.swift", len(tasks), "0", not tasks, tasks)
    report.add("@unchecked Sendable, nonisolated(unsafe)", len(unchecked), "3", len(unchecked) <= 3, unchecked)
    report.add("... without a comment above", len(bare), "0", not bare, bare)
    report.print()
    share = 100 * comments // max(sources, 1)
    print(f"{len(file_sizes)} source files, {sources} lines, {share} % of them comments")
    return 0 if all(row[3] != "EXCEEDED" for row in report.rows) else 1


if __name__ == "__main__":
    sys.exit(main())
