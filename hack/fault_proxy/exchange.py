# SPDX-License-Identifier: Apache-2.0
"""One request on its way to the API server and back, and what happens to it on the way."""
import asyncio
from dataclasses import dataclass

from fault_proxy import answers
from fault_proxy.upstream import UpstreamError

# Headers that are about one connection, not about the message.
HOP_BY_HOP = {"connection", "content-length", "host", "keep-alive", "proxy-connection", "te", "trailer",
              "transfer-encoding", "upgrade"}


@dataclass
class Request:
    method: str
    target: str
    headers: list
    body: bytes


class Broken(Exception):
    """The client's stream or connection is gone, by a fault or by itself: nothing more is to be done for it."""


class Exchange:
    """Carries one request; `client` is a stream of front.py, which sends what the client is to see."""

    def __init__(self, proxy, client, request):
        self.proxy, self.client, self.request = proxy, client, request
        self.decisions = proxy.rules.decide(request.method, request.target)
        self.response = None

    async def run(self):
        try:
            await self.before()
            try:
                await self.forward()
            except UpstreamError as error:
                self.proxy.report(upstream=str(error), method=self.request.method, target=self.request.target)
                self.client.reset(whole=True)
        except (Broken, ConnectionError):
            pass
        finally:
            if self.response:
                self.response.connection.abandon()

    def injected(self, decision, **more):
        self.proxy.report(
            injected=decision.action, rule=decision.rule, ordinal=decision.ordinal, method=self.request.method,
            target=self.request.target, **more)

    def decided(self, *actions):
        return [decision for decision in self.decisions if decision.action in actions]

    async def before(self):
        """What happens before the API server has seen the request."""
        for decision in self.decisions:
            match decision.action:
                case "delay":
                    low, high = decision.number("from_ms"), decision.number("to_ms")
                    delay = decision.random.uniform(low, max(low, high))
                    self.injected(decision, delay_ms=round(delay))
                    await asyncio.sleep(delay / 1000)
                case "drop":
                    self.injected(decision)
                    self.client.close()
                    raise Broken
                case "answer":
                    self.injected(decision, status=decision.number("status", 500))
                    await self.refuse(decision)
                    raise Broken
                case "goaway":
                    self.injected(decision)
                    self.client.go_away(refuse=decision.number("refuse", False))
                case "hold" if decision.number("at", "before") == "before":
                    await self.hold(decision)
                case "black-hole" if not set(decision.options):
                    self.injected(decision)
                    await self.client.freeze()

    async def refuse(self, decision):
        status = decision.number("status", 500)
        headers, body = answers.answer(status, decision.options.get("retry_after"))
        await self.client.head(status, headers, len(body))
        await self.client.data(body)
        await self.client.end()

    async def hold(self, decision, **more):
        number, released = self.proxy.hold(decision.rule)
        self.injected(decision, held=number, **more)
        await released

    async def forward(self):
        """Sends the request on and the response back, with what happens to that."""
        headers = [(name, value) for name, value in self.request.headers
                   if name not in HOP_BY_HOP and not name.startswith(":")]
        self.response = response = await self.proxy.upstream.send(
            self.request.method, self.request.target, headers, self.request.body)
        headers = [(name, value) for name, value in response.headers if name not in HOP_BY_HOP]
        pieces = await self.after(response)
        for decision in self.decided("observe"):
            self.injected(decision, status=response.status)
        for decision in self.decided("swallow-bookmarks"):
            pieces = self.without_bookmarks(pieces, decision)
        for decision in self.decided("error-event", "reset", "black-hole"):
            pieces = self.cut(pieces, decision)
        for decision in self.decided("throttle", "single-bytes"):
            self.injected(decision)
        is_changed = self.decided("error-event", "swallow-bookmarks")
        await self.client.head(response.status, headers, None if is_changed else response.length)
        async for piece in pieces:
            await self.send(piece)
        await self.client.end()

    async def after(self, response):
        """What happens when the API server has acted, before the client hears of it; returns the body."""
        late = [decision for decision in self.decided("hold") if decision.number("at", "before") == "after"]
        swallowed = self.decided("swallow-response")
        if not late and not swallowed:
            return response.pieces()
        body = await response.body()
        for decision in late:
            await self.hold(decision, status=response.status)
        for decision in swallowed:
            self.injected(decision, status=response.status)
            if decision.number("then", "reset") == "black-hole":
                await self.client.freeze()
            self.client.reset(whole=True)
            raise Broken
        return once(body)

    async def send(self, piece):
        if rates := self.decided("throttle"):
            rate = max(1, rates[0].number("bytes_per_s", 1000))
            step = max(1, rate // 20)
            for start in range(0, len(piece), step):
                await self.client.data(piece[start:start + step])
                await asyncio.sleep(len(piece[start:start + step]) / rate)
        elif self.decided("single-bytes"):
            for byte in piece:
                await self.client.data(bytes((byte,)))
        else:
            await self.client.data(piece)

    async def without_bookmarks(self, pieces, decision):
        async for line in lines(pieces):
            if line.startswith(b'{"type":"BOOKMARK"'):
                self.injected(decision)
            else:
                yield line

    async def cut(self, pieces, decision):
        """The body up to where the decision ends it; the fault happens instead of what would come next."""
        is_counting_events = "after_events" in decision.options
        left = decision.number("after_events" if is_counting_events else "after_bytes")
        source = lines(pieces) if is_counting_events else pieces
        # Nothing may come for long, so what is cut at once waits for nothing.
        while left:
            piece = await anext(source, None)
            if piece is None:
                return
            size = 1 if is_counting_events else len(piece)
            yield piece if size <= left else piece[:left]
            left = max(0, left - size)
        self.injected(decision)
        if decision.action == "error-event":
            yield answers.error_event(decision.number("code", 410))
            return
        await self.client.flush()
        if decision.action == "black-hole":
            await self.client.freeze()
        self.client.reset(whole=decision.number("whole", False))
        raise Broken


async def once(body):
    yield body


async def lines(pieces):
    """The same bytes, a line at a time."""
    rest = b""
    async for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            yield line + b"\n"
    if rest:
        yield rest
