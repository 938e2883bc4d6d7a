# SPDX-License-Identifier: Apache-2.0
"""Just enough of Swift's grammar for the checks beside this file: comments, strings, braces and functions."""
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parent.parent

_STRING = re.compile(r'(#*)("""|")')
_FUNCTION = re.compile(r"(?<![.\w`])(?:func\s+\S|init[?<(]|deinit\b|subscript[<(])")
_OTHER_DECLARATION = re.compile(r"\b(?:func|init|deinit|var|let|case|package|static|subscript|struct|enum|associatedtype)\b")


def files(*folders):
    """The Swift files below the folders of the repository, sorted."""
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.swift"))


def code(text, comments=True):
    """The text with comments and the insides of strings blanked out; every line stays where it is.

    With `comments=False` comments stay and only strings are blanked.
    """
    out, i = [], 0
    while i < len(text):
        end = None
        if text.startswith("//", i):
            end = text.find("\n", i) if "\n" in text[i:] else len(text)
            blank = comments
        elif text.startswith("/*", i):
            end, blank = _end_of_block_comment(text, i), comments
        elif text[i] in '#"' and (opening := _STRING.match(text, i)):
            end, blank = _end_of_string(text, opening.end(), *opening.groups()), True
        if end is None:
            out.append(text[i])
            i += 1
            continue
        part = text[i:end]
        out.append(re.sub(r"[^\n]", " ", part) if blank else part)
        i = end
    return "".join(out)


def _end_of_block_comment(text, i):
    depth = 0
    while i < len(text):
        if text.startswith("/*", i):
            depth, i = depth + 1, i + 2
        elif text.startswith("*/", i):
            depth, i = depth - 1, i + 2
            if depth == 0:
                break
        else:
            i += 1
    return i


def _end_of_string(text, i, hashes, quote):
    escape = "\\" + hashes
    while i < len(text):
        if text.startswith(quote + hashes, i):
            return i + len(quote) + len(hashes)
        if text.startswith(escape + "(", i):
            i = _end_of_interpolation(text, i + len(escape) + 1)
        elif text.startswith(escape, i):
            i += len(escape) + 1
        else:
            i += 1
    return i


def _end_of_interpolation(text, i):
    depth = 1
    while i < len(text) and depth:
        if text[i] in '#"' and (opening := _STRING.match(text, i)):
            i = _end_of_string(text, opening.end(), *opening.groups())
            continue
        depth += {"(": 1, ")": -1}.get(text[i], 0)
        i += 1
    return i


def _end_of_pair(text, i):
    """The position behind the bracket that closes the one at `i`."""
    opening, closing = text[i], {"(": ")", "{": "}"}[text[i]]
    depth = 0
    for position in range(i, len(text)):
        depth += {opening: 1, closing: -1}.get(text[position], 0)
        if depth == 0:
            return position + 1
    return len(text)


def functions(text):
    """(first line, number of lines) of each function, initializer and subscript that has a body.

    `text` is what `code` returned. The signature counts.
    """
    found = []
    for match in _FUNCTION.finditer(text):
        i = match.end() - 1
        if not match.group().startswith("deinit"):
            if (i := text.find("(", i)) < 0:
                continue
            i = _end_of_pair(text, i)
        body = re.compile(r"[{}]").search(text, i)
        if body is None or body.group() == "}" or _OTHER_DECLARATION.search(text[i : body.start()]):
            continue  # a requirement of a protocol
        first = text.count("\n", 0, match.start()) + 1
        found.append((first, text.count("\n", 0, _end_of_pair(text, body.start())) + 2 - first))
    return found
