# SPDX-License-Identifier: Apache-2.0
"""Faults on demand: which request suffers what. A function of the seed, the rule, and which of its matches it is.

A rule is {"match": {…}, "action": {"do": …, …}, "probability": 1}. All rules that match take effect.

  match   cluster, node: names, or regular expressions that match the whole name; method: regular expression found in
          /package.Service/Method; first, last: which of the requests that match, from 1
  action  delay from_ms to_ms       waits before the request is served
          hold                      waits until the rule is removed, and is served then
  hang at                   "before" serving or "after" the effect: no answer, until the client gives up
          refuse code message       a gRPC status instead of serving; code is a number or a name
          cut at                    the connection breaks, "before" serving or "after" the effect: a lost reply
          fail code message         serves it, and answers with that status all the same
          exit code                 LifecycleService.Upgrade and Install end with this exit code
          observe                   nothing; it is counted

The method of a dry run has "?dry-run" at its end.

Requests to the Kubernetes API of a cluster count too, as those of node "kubernetes" with a method such as
"PATCH /api/v1/nodes/x"; there a refusal's code is HTTP's.
"""
import asyncio
import random
import re
from dataclasses import dataclass

from grpclib.const import Status

ACTIONS = {
    "delay": {"from_ms", "to_ms"},
    "hold": set(),
    "hang": {"at"},
    "refuse": {"code", "message"},
    "cut": {"at"},
    "fail": {"code", "message"},
    "exit": {"code"},
    "observe": set(),
}
MATCH_KEYS = {"cluster", "node", "method", "first", "last"}


class RuleError(Exception):
    """A rule says something that does not exist."""


@dataclass(frozen=True)
class Decision:
    """A fault that one request is to suffer."""
    rule: int
    ordinal: int
    action: str
    options: dict
    random: random.Random
    removal: asyncio.Event

    @property
    def status(self):
        return status_of(self.options.get("code", "UNAVAILABLE"))

    @property
    def at(self):
        return self.options.get("at", "before")

    @property
    def seconds(self):
        low = self.options.get("from_ms", 0)
        return self.random.uniform(low, max(low, self.options.get("to_ms", low))) / 1000


def status_of(code):
    return Status(code) if isinstance(code, int) else Status[str(code).upper()]


class Rule:
    """One line of the script: what it matches, how often, and what happens then."""

    def __init__(self, number, seed, text):
        self.number, self.seed, self.ordinal = number, seed, 0
        self.removal = asyncio.Event()
        match, action = dict(text.get("match", {})), dict(text.get("action", {}))
        self.text = text
        self.probability = text.get("probability", 1)
        self.action = action.pop("do", None)
        self.options = action
        check(set(text) - {"match", "action", "probability"}, "the rule")
        check(set(match) - MATCH_KEYS, "match")
        if self.action not in ACTIONS:
            raise RuleError(f"action.do is {self.action!r}, not one of {', '.join(sorted(ACTIONS))}")
        check(set(action) - ACTIONS[self.action], self.action)
        if self.action in ("refuse", "fail") and match.get("node") != "kubernetes":
            status_of(action.get("code", "UNAVAILABLE"))
        self.cluster = re.compile(match.get("cluster", ".*"))
        self.node = re.compile(match.get("node", ".*"))
        self.method = re.compile(match.get("method", ""))
        self.first, self.last = match.get("first", 1), match.get("last")

    def decide(self, cluster, node, method):
        """The fault for this request, or None; each request it matches counts, whether or not it suffers."""
        if not (self.cluster.fullmatch(cluster) and self.node.fullmatch(node) and self.method.search(method)):
            return None
        self.ordinal += 1
        chance = random.Random(f"{self.seed}/{self.number}/{self.ordinal}")
        if self.ordinal < self.first or (self.last is not None and self.ordinal > self.last):
            return None
        if self.probability < 1 and chance.random() >= self.probability:
            return None
        return Decision(self.number, self.ordinal, self.action, self.options, chance, self.removal)


class RuleBook:
    """The rules of the moment, in the order in which they came."""

    def __init__(self, seed):
        self.seed, self.rules, self.last_number = seed, {}, 0

    def add(self, text):
        self.last_number += 1
        self.rules[self.last_number] = Rule(self.last_number, self.seed, text)
        return self.last_number

    def remove(self, number):
        if number not in self.rules:
            raise RuleError(f"there is no rule {number}")
        self.rules.pop(number).removal.set()

    def clear(self):
        for number in list(self.rules):
            self.remove(number)

    def decide(self, cluster, node, method):
        decisions = [rule.decide(cluster, node, method) for rule in self.rules.values()]
        return [decision for decision in decisions if decision]


def check(unknown, where):
    if unknown:
        raise RuleError(f"{where} knows no {', '.join(sorted(unknown))}")
