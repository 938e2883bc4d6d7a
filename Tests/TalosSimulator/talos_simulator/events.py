# SPDX-License-Identifier: Apache-2.0
"""The events of a node, as /machine.MachineService/Events streams them."""
import asyncio
import contextlib

from betterproto.lib.google.protobuf import Any
from talos_linux_api.v1_6_0 import common, machine

CAPACITY = 1000
STAGES = {"unknown": 0, "booting": 1, "installing": 2, "maintenance": 3, "running": 4, "rebooting": 5,
          "shutting down": 6, "resetting": 7, "upgrading": 8}
SERVICE_STATES = {"Initialized": 0, "Preparing": 1, "Waiting": 2, "Running": 3, "Stopping": 4, "Finished": 5,
                  "Failed": 6, "Skipped": 7, "Starting": 8}


class Events:
    """The last thousand events since the node came up, and those who wait for more."""

    def __init__(self, node):
        self.node = node
        self.kept = []
        self.count = 0
        self.queues = set()
        self.actor = ""

    def clear(self):
        self.kept.clear()
        self.actor = ""

    def emit(self, payload):
        self.count += 1
        event = machine.Event(
            data=Any(type_url=f"talos/runtime/machine.{type(payload).__name__}", value=bytes(payload)),
            id=identifier(self.node.world.random, self.count), actor_id=self.actor)
        self.kept.append((asyncio.get_running_loop().time(), event))
        del self.kept[:-CAPACITY]
        for queue in self.queues:
            queue.put_nowait(event)

    def machine_status(self):
        unmet = self.node.resources.unmet()
        self.emit(machine.MachineStatusEvent(
            stage=machine.MachineStatusEventMachineStage(STAGES[self.node.stage]),
            status=machine.MachineStatusEventMachineStatus(ready=not unmet, unmet_conditions=[
                machine.MachineStatusEventMachineStatusUnmetCondition(name, reason) for name, reason in unmet])))

    def sequence(self, name, action, error=None):
        """action is 0 for a failure, 1 for start, 2 for stop."""
        event = machine.SequenceEvent(sequence=name, action=machine.SequenceEventAction(action))
        if error:
            event.error = common.Error(code=common.Code.FATAL, message=error)
        self.emit(event)

    def task(self, name, action):
        self.emit(machine.TaskEvent(task=name, action=machine.TaskEventAction(action)))

    def phase(self, name, action):
        self.emit(machine.PhaseEvent(phase=name, action=machine.PhaseEventAction(action)))

    def service(self, name, state, text):
        unknown, healthy = self.node.service_health(name)
        self.emit(machine.ServiceStateEvent(
            service=name, action=SERVICE_STATES[state], message=text,
            health=machine.ServiceHealth(unknown=unknown, healthy=healthy, last_message=text)))

    def tail(self, request):
        """What a request wants of the past."""
        if request.tail_events < 0:
            return [event for _, event in self.kept]
        if request.tail_events:
            return [event for _, event in self.kept[-request.tail_events:]]
        if request.tail_seconds:
            since = asyncio.get_running_loop().time() - request.tail_seconds
            return [event for time, event in self.kept if time >= since]
        if request.tail_id:
            return [event for _, event in self.kept if event.id > request.tail_id]
        return []

    async def follow(self, request):
        queue = asyncio.Queue()
        self.queues.add(queue)
        with contextlib.ExitStack() as stack:
            stack.callback(self.queues.discard, queue)
            for event in self.tail(request):
                if not request.with_actor_id or event.actor_id == request.with_actor_id:
                    yield event
            while True:
                event = await queue.get()
                if not request.with_actor_id or event.actor_id == request.with_actor_id:
                    yield event


def identifier(random, count):
    """Twenty characters that sort in the order in which they came, as those of xid do."""
    digits = "0123456789abcdefghijklmnopqrstuv"
    number = count << 40 | random.getrandbits(40)
    return "".join(digits[number >> shift & 31] for shift in range(95, -5, -5))


def actor(random):
    """The name of whoever asks, for a sequence's events."""
    return str(random.getrandbits(128))[:20]
