# SPDX-License-Identifier: Apache-2.0
"""Selectors, patches and answers of a Kubernetes API."""
import copy
import re

# Lists that a strategic merge patch merges by a key of their elements.
MERGE_KEYS = {"conditions": "type", "taints": "key", "containers": "name", "initContainers": "name", "env": "name",
              "volumes": "name", "addresses": "type", "ownerReferences": "uid"}


def status(code, reason, message, kind="Failure"):
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": kind, "message": message,
            "reason": reason, "code": code}


def matches_labels(selector, labels):
    """Whether labels match a selector as it stands in a query."""
    for part in re.split(r",(?![^(]*\))", selector or ""):
        part = part.strip()
        if not part:
            continue
        if found := re.fullmatch(r"(\S+) (in|notin) \((.*)\)", part):
            values = [value.strip() for value in found[3].split(",")]
            if (labels.get(found[1]) in values) != (found[2] == "in"):
                return False
        elif "!=" in part:
            key, _, value = part.partition("!=")
            if labels.get(key.strip()) == value.strip():
                return False
        elif "=" in part:
            key, _, value = part.partition("=")
            if labels.get(key.strip()) != value.lstrip("=").strip():
                return False
        elif part.startswith("!"):
            if part[1:] in labels:
                return False
        elif part not in labels:
            return False
    return True


def matches_fields(selector, found):
    for part in filter(None, (selector or "").split(",")):
        key, operator, value = re.fullmatch(r"([\w.]+)(!=|==|=)(.*)", part).groups()
        current = found
        for name in key.split("."):
            current = (current or {}).get(name)
        if ((current or "") == value) == (operator == "!="):
            return False
    return True


def merge(old, patch, by_key):
    """A JSON merge patch; with `by_key` lists with a known key are merged by it, as strategic merge patches are."""
    if not isinstance(patch, dict) or not isinstance(old, dict):
        return copy.deepcopy(without_markers(patch))
    new = copy.deepcopy(old)
    for key, value in patch.items():
        if key.startswith("$"):
            continue
        if value is None:
            new.pop(key, None)
        elif by_key and isinstance(value, list) and key in MERGE_KEYS and isinstance(new.get(key), list):
            new[key] = merge_list(new[key], value, MERGE_KEYS[key])
        else:
            new[key] = merge(new.get(key, {} if isinstance(value, dict) else None), value, by_key)
    return new


def merge_list(old, patch, key):
    new = copy.deepcopy(old)
    for element in patch:
        if element.get("$patch") == "replace":
            return [each for each in patch if "$patch" not in each]
        at = next((index for index, each in enumerate(new) if each.get(key) == element.get(key)), None)
        if element.get("$patch") == "delete":
            if at is not None:
                del new[at]
        elif at is None:
            new.append(element)
        else:
            new[at] = merge(new[at], element, True)
    return new


def without_markers(value):
    if isinstance(value, dict):
        return {key: without_markers(inner) for key, inner in value.items() if inner is not None}
    return value
