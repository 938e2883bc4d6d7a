# SPDX-License-Identifier: Apache-2.0
"""All that is simulated: the clusters with their nodes, the journal, the faults, and how long things take."""
import asyncio
import contextvars
import datetime
import random

from .faults import RuleBook
from .journal import Journal

# The journal's entry of the request that a task runs for; tasks inherit it from those that start them.
REQUEST = contextvars.ContextVar("request", default=None)

# How long each step takes, in units of the simulator's delay.
STEPS = {
    "firmware": 1, "boot": 1, "install": 1, "apid": 0.5, "cri": 0.5, "kubelet": 0.5, "etcd": 0.5, "join": 0.5,
    "promote": 1, "static-pods": 0.5, "node-ready": 0.5, "stop": 0.5, "shutdown": 0.5, "drain": 0.5, "upgrade": 1,
    "reset": 0.5, "pull": 0.5, "restart": 0.5, "pod": 0.25,
}


class Signal:
    """Wakes everybody who waits for something to change."""

    def __init__(self):
        self.waiting = []

    def fire(self):
        waiting, self.waiting = self.waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)

    async def until(self, condition):
        while not condition():
            future = asyncio.get_running_loop().create_future()
            self.waiting.append(future)
            await future


class World:
    """`prefix` is the network that the nodes have their addresses in, such as 127.5."""

    def __init__(self, *, seed="0", delay=0.2, prefix="127.1", port=50000, etcd_timeout=1.0, stream=None):
        self.seed, self.delay, self.prefix, self.port = seed, delay, prefix, port
        self.etcd_timeout = etcd_timeout
        self.random = random.Random(seed)
        self.journal = Journal(stream)
        self.faults = RuleBook(seed)
        self.clusters = {}
        self.steps = dict(STEPS)
        self.secrets = set()
        # Seconds until a violation that might be meant is told as one.
        self.patience = 0
        self.tasks = set()

    def now(self):
        return datetime.datetime.now(datetime.timezone.utc)

    async def step(self, name):
        """Takes as long as the step of this name does."""
        await asyncio.sleep(self.steps[name] * self.delay)

    def spawn(self, coroutine):
        """Runs something on the side; if it fails, that is a defect of the simulator and told as one."""
        task = asyncio.get_running_loop().create_task(coroutine)
        self.tasks.add(task)
        task.add_done_callback(self.ended)
        return task

    def ended(self, task):
        self.tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            self.journal.add("defect", error=repr(error), place=place_of(error))

    def node_at(self, address):
        """The node with this address or host name, or None."""
        for cluster in self.clusters.values():
            for node in cluster.nodes.values():
                if address in (node.address, node.hostname):
                    return node
        return None


def place_of(error):
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else ""
