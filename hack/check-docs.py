#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: Apache-2.0
"""Checks that what one target offers to others is documented.

usage: check-docs.py           lists `package` declarations without a doc comment; exit code 1 if there are any

Without one may go: initializers; witnesses of the standard library's protocols and of ours, whose requirements are
documented; properties and type aliases whose whole contract is in their one line.
"""
import re
import sys

from swiftsource import ROOT, code, files

DECLARATION = re.compile(
    r"^\s*(?:@\w+(?:\([^)]*\))?\s+)*(?:(?:static|final|mutating|nonisolated|indirect|override|required|convenience|"
    r"class|borrowing|consuming)\s+)*(?:package|public|open)\s+(?!import\b)(.*)$")
NAME = re.compile(r"\b(func|var|let|init|struct|class|enum|protocol|actor|typealias|subscript|extension|case)\b\s*(\S*)")
WITNESSES = {
    "description", "debugDescription", "hash", "hashValue", "==", "<", "encode", "next", "makeIterator",
    "makeAsyncIterator", "rawValue", "errorDescription", "startIndex", "endIndex", "id",
}


def bare(name):
    return re.split(r"[(<:{=]", name)[0] or name


def is_exempt(kind, name, line, witnesses):
    if kind in ("init", "extension") or bare(name) in witnesses or name.startswith(("==", "<")):
        return True
    return kind in ("var", "let", "typealias") and line.count("{") == line.count("}")


def has_comment(lines, index):
    above = index - 1
    while above >= 0 and lines[above].strip().startswith(("@", "#if")):
        above -= 1
    return above >= 0 and lines[above].strip().startswith("///")


def requirements(path):
    """(index of the line, kind, name) of each function and property that a protocol of this file asks for."""
    depth, inside = 0, None
    for index, line in enumerate(code(path.read_text()).splitlines()):
        if inside is None and re.match(r"\s*(?:package |public )?protocol\b", line):
            inside = depth
        elif inside is not None and depth == inside + 1 and (named := NAME.search(line)):
            if named.group(1) in ("func", "var"):
                yield index, named.group(1), bare(named.group(2))
        depth += line.count("{") - line.count("}")
        if inside is not None and depth <= inside and "}" in line:
            inside = None


def declarations(path, witnesses):
    """The indices of the lines with a declaration that needs a comment."""
    yield from (index for index, kind, _ in requirements(path) if kind == "func")
    for index, line in enumerate(code(path.read_text(), comments=False).splitlines()):
        match = DECLARATION.match(line)
        named = match and NAME.search(match.group(1))
        if named and not is_exempt(named.group(1), named.group(2), line, witnesses):
            yield index


def main():
    paths = files("Sources", "Tests/TestSupport")
    witnesses = WITNESSES | {name for path in paths for _, _, name in requirements(path)}
    needed, missing = 0, []
    for path in paths:
        lines = path.read_text().splitlines()
        for index in declarations(path, witnesses):
            needed += 1
            if not has_comment(lines, index):
                missing.append(f"{path.relative_to(ROOT)}:{index + 1}: no doc comment: {lines[index].strip()}")
    print("\n".join(missing), end="\n" if missing else "")
    print(f"check-docs: {needed - len(missing)} of {needed} declarations are documented")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
