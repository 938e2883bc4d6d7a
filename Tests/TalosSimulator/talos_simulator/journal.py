# SPDX-License-Identifier: Apache-2.0
"""What happened, in order: requests and their outcome, changes of state, violations of what must never happen."""
import asyncio
import time

LIMIT = 200_000


class Journal:
    """Entries are plain objects with a number and the time in milliseconds since the start."""

    def __init__(self, stream=None):
        self.entries = []
        self.violations = []
        self.last = 0
        self.start = time.monotonic()
        self.stream = stream
        self.waiting = []

    def add(self, kind, **fields):
        self.last += 1
        entry = {"number": self.last, "at_ms": self.now(), "kind": kind, **fields}
        self.entries.append(entry)
        if len(self.entries) > LIMIT:
            del self.entries[:LIMIT // 10]
        self.wake()
        return entry

    def now(self):
        return round((time.monotonic() - self.start) * 1000, 1)

    def change(self, node, what, **fields):
        """Something about a node has changed."""
        return self.add("change", cluster=node.cluster.name, node=node.name, what=what, **fields)

    def violation(self, invariant, text, because=(), **fields):
        """What must never happen has happened; `because` holds the entries of the requests that led to it."""
        entry = self.add("violation", invariant=invariant, text=text,
                         because=[self.summary(request) for request in because if request], **fields)
        self.violations.append(entry)
        return entry

    @staticmethod
    def summary(entry):
        return {key: entry.get(key) for key in ("number", "at_ms", "node", "method", "fields", "outcome")}

    def since(self, number, kinds=None):
        return [entry for entry in self.entries
                if entry["number"] > number and (not kinds or entry["kind"] in kinds)]

    def wake(self):
        waiting, self.waiting = self.waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)

    async def wait_beyond(self, number, seconds):
        """Returns when there is an entry with a greater number, or when the time is up."""
        if self.last > number:
            return
        future = asyncio.get_running_loop().create_future()
        self.waiting.append(future)
        await asyncio.wait([future], timeout=seconds)
