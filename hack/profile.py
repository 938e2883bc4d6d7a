#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Counts what the operator's work costs in instructions and allocations; the same on every run, whatever else runs.

usage: hack/profile.py PROGRAM [WORK...]

PROGRAM is the release build of Tests/Profile. Prints one JSON line for each WORK (all unless given): instructions and
allocations for one unit of it, without the server. It runs under valgrind with two counts, and the difference divided
by the difference of the counts is free of what the start costs. --functions N adds the N functions that most
instructions are spent in, --keep DIR keeps what callgrind wrote for callgrind_annotate.

  create   a new cluster of eight Machines: eleven requests, their watch events, eight manifests, two reconciles
  settled  a reconcile of a cluster of eight Machines in which nothing has changed
  event    a watch event of a Machine that changes nothing that matters, such as a heartbeat in its status
  list     a cluster and its eight Machines, read from a list into the caches
  scrape   the page of the domain's metrics for 100 clusters
  log      a log line
"""
import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

# How often each is done; what is compared is the second with the first.
COUNTS = {"create": (10, 30), "settled": (50, 250), "event": (100, 500), "list": (50, 250), "scrape": (10, 50),
          "log": (500, 2500)}
SERVER = ["profile_server_answer", "profile_server_create", "profile_server_beat"]
ALLOCATIONS = ["malloc", "calloc", "realloc", "posix_memalign"]
# Calls are counted while the server answers, too, so allocations are told apart by who called, so many calls up.
CALLERS = 30
NAME = re.compile(r"^(c?fn)=\((\d+)\)(?: (.*))?$")


def run(program, work, count, directory):
    """Runs PROGRAM under callgrind; returns instructions by function, and the number of allocations."""
    out = directory / f"{work}-{count}.callgrind"
    command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", "--combine-dumps=yes",
               *(f"--toggle-collect={name}" for name in SERVER), "--collect-atstart=yes",
               *(f"--separate-callers{CALLERS}={name}" for name in ALLOCATIONS), program, work, str(count)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=100)
    if done.returncode:
        sys.exit(f"profile.py: {' '.join(command)}\n{done.stderr}")
    return read(out)


def read(out):
    """Reads callgrind's format: costs of a function's own lines, and the calls it makes."""
    names, instructions, allocations = {}, Counter(), 0
    function = callee = None
    with open(out, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            line = line.rstrip("\n")
            if match := NAME.match(line):
                kind, number, name = match.groups()
                name = names.setdefault(number, name)
                if kind == "fn":
                    function = name
                else:
                    callee = name
            elif line.startswith("calls="):
                is_allocation = callee.split("'")[0] in ALLOCATIONS
                if is_allocation and not any(name in callee for name in SERVER):
                    allocations += int(line[6:].split()[0])
                next(lines)  # what the call cost, which is in the callee's own lines
            elif line[:1] in "0123456789+-*" and line and function:
                instructions[function.split("'")[0]] += int(line.split()[1])
    return instructions, allocations


def measure(program, work, options, directory):
    few, many = COUNTS[work]
    (before, allocated_before), (after, allocated_after) = (run(program, work, count, directory) for count in (few, many))
    units = many - few
    line = {"work": work, "instructions": round((after.total() - before.total()) / units),
            "allocations": round((allocated_after - allocated_before) / units, 1)}
    if options.functions:
        after.subtract(before)
        line["functions"] = {name: round(cost / units) for name, cost in after.most_common(options.functions)}
    print(json.dumps(line), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("work", nargs="*", choices=[[], *COUNTS], metavar="WORK")
    parser.add_argument("--functions", type=int, default=0, metavar="N")
    parser.add_argument("--keep", type=Path, metavar="DIR")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="talos-operator-profile.") as scratch:
        if options.keep:
            options.keep.mkdir(parents=True, exist_ok=True)
        for work in options.work or COUNTS:
            measure(options.program, work, options, options.keep or Path(scratch))


if __name__ == "__main__":
    main()
