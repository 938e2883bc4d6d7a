# SPDX-License-Identifier: Apache-2.0
"""Which request suffers which fault: a function of the seed, the rule, and the how-manieth match of the rule it is."""
import random
import re
from dataclasses import dataclass

# The actions and, for each, what it may be told besides; see the usage of fault-proxy.py.
ACTIONS = {
    "answer": {"status", "retry_after"},
    "black-hole": {"after_bytes", "after_events"},
    "delay": {"from_ms", "to_ms"},
    "drop": set(),
    "error-event": {"code", "after_events"},
    "goaway": {"refuse"},
    "hold": {"at"},
    "observe": set(),
    "reset": {"after_bytes", "after_events", "whole"},
    "single-bytes": set(),
    "swallow-bookmarks": set(),
    "swallow-response": {"then"},
    "throttle": {"bytes_per_s"},
}
# What can be done to bytes of which nothing is understood.
RELAY_ACTIONS = {"black-hole", "delay", "drop", "observe", "reset", "single-bytes", "throttle"}
MATCH_KEYS = {"methods", "path", "watch", "relay", "first", "last"}


class RuleError(Exception):
    """A rule says something that does not exist."""


@dataclass(frozen=True)
class Decision:
    """A fault that one request or relayed connection is to suffer."""
    rule: int
    ordinal: int
    action: str
    options: dict
    random: random.Random

    def number(self, key, default=0):
        return self.options.get(key, default)


class Rule:
    """One line of the script: what it matches, how often, and what happens then."""

    def __init__(self, number, seed, text):
        self.number, self.seed, self.ordinal = number, seed, 0
        match, action = dict(text.get("match", {})), dict(text.get("action", {}))
        self.probability = text.get("probability", 1)
        self.action = action.pop("do", None)
        self.options = action
        self.relay = match.get("relay", False)
        check(set(text) - {"match", "action", "probability"}, "the rule")
        check(set(match) - MATCH_KEYS, "match")
        allowed = RELAY_ACTIONS if self.relay else ACTIONS
        if self.action not in allowed:
            raise RuleError(f"action.do is {self.action!r}, not one of {', '.join(sorted(allowed))}")
        check(set(action) - ACTIONS[self.action], self.action)
        self.methods = set(match.get("methods", []))
        self.path = re.compile(match.get("path", ""))
        self.watch = match.get("watch")
        self.first, self.last = match.get("first", 1), match.get("last")

    def decide(self, method="", target="", relay=False):
        """The fault for this request, or None; each request it matches counts, whether or not it suffers."""
        if relay != self.relay or (not relay and not self.matches(method, target)):
            return None
        self.ordinal += 1
        chance = random.Random(f"{self.seed}/{self.number}/{self.ordinal}")
        if self.ordinal < self.first or (self.last is not None and self.ordinal > self.last):
            return None
        if self.probability < 1 and chance.random() >= self.probability:
            return None
        return Decision(self.number, self.ordinal, self.action, self.options, chance)

    def matches(self, method, target):
        if self.methods and method not in self.methods:
            return False
        if self.watch is not None and self.watch != is_watch(target):
            return False
        return self.path.search(target) is not None


class RuleBook:
    """The rules of the moment, in the order in which they came."""

    def __init__(self, seed):
        self.seed, self.rules, self.last_number = seed, {}, 0

    def add(self, text):
        self.last_number += 1
        self.rules[self.last_number] = Rule(self.last_number, self.seed, text)
        return self.last_number

    def remove(self, number):
        if self.rules.pop(number, None) is None:
            raise RuleError(f"there is no rule {number}")

    def clear(self):
        self.rules.clear()

    def decide(self, method="", target="", relay=False):
        decisions = [rule.decide(method, target, relay) for rule in self.rules.values()]
        return [decision for decision in decisions if decision]


def is_watch(target):
    """Whether the target asks for a stream of events."""
    _, _, query = target.partition("?")
    return any(pair in ("watch=true", "watch=1") for pair in query.split("&"))


def check(unknown, where):
    if unknown:
        raise RuleError(f"{where} knows no {', '.join(sorted(unknown))}")
