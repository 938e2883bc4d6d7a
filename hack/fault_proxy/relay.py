# SPDX-License-Identifier: Apache-2.0
"""Bytes from here to there, not understood: TLS goes through, and faults fall between any two bytes."""
import asyncio

from fault_proxy.front import abort
from fault_proxy.upstream import PIECE


class Relay:
    """One relayed connection; what cuts it counts the bytes that the server sends."""

    def __init__(self, proxy, reader, writer):
        self.proxy, self.reader, self.writer = proxy, reader, writer
        self.decisions = proxy.rules.decide(relay=True)
        self.is_frozen = False
        self.served = 0

    async def run(self):
        if drops := self.decided("drop"):
            self.injected(drops[0])
            self.writer.close()
            return
        for decision in self.decided("observe", "delay", "throttle", "single-bytes"):
            self.injected(decision)
        try:
            reader, writer = await asyncio.open_connection(self.proxy.upstream.host, self.proxy.upstream.port)
        except OSError:
            abort(self.writer)
            return
        pumps = [asyncio.create_task(self.pump(self.reader, writer, False)),
                 asyncio.create_task(self.pump(reader, self.writer, True))]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            for end in (writer, self.writer):
                end.close()

    def decided(self, *actions):
        return [decision for decision in self.decisions if decision.action in actions]

    def injected(self, decision):
        self.proxy.report(injected=decision.action, rule=decision.rule, ordinal=decision.ordinal, method="",
                          target="")

    async def pump(self, reader, writer, is_from_server):
        try:
            while data := await reader.read(PIECE):
                if self.is_frozen:
                    continue
                for decision in self.decided("delay"):
                    low, high = decision.number("from_ms"), decision.number("to_ms")
                    await asyncio.sleep(decision.random.uniform(low, max(low, high)) / 1000)
                if is_from_server and not (data := await self.cut(data)):
                    continue
                await self.send(writer, data)
            if self.is_frozen:
                await asyncio.Event().wait()
        except OSError:
            pass

    async def cut(self, data):
        """As much of what the server sent as the client is to get."""
        for decision in self.decided("reset", "black-hole"):
            left = decision.number("after_bytes") - self.served
            if left > len(data):
                continue
            self.injected(decision)
            self.writer.write(data[:max(0, left)])
            await self.writer.drain()
            if decision.action == "reset":
                abort(self.writer)
            self.is_frozen = True
            return b""
        self.served += len(data)
        return data

    async def send(self, writer, data):
        rates = self.decided("throttle")
        step = 1 if self.decided("single-bytes") else len(data)
        if rates:
            rate = max(1, rates[0].number("bytes_per_s", 1000))
            step = min(step, max(1, rate // 20))
        for start in range(0, len(data), step):
            writer.write(data[start:start + step])
            await writer.drain()
            if rates:
                await asyncio.sleep(step / rate)

    def reset(self):
        abort(self.writer)
