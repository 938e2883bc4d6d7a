# SPDX-License-Identifier: Apache-2.0
"""A small HTTP/1.1 server for JSON, over TCP or TLS."""
import asyncio
import json
import urllib.parse
from dataclasses import dataclass, field

LIMIT = 32 << 20


@dataclass
class Request:
    method: str
    path: str
    query: dict
    headers: dict
    body: bytes
    peer: dict = field(default_factory=dict)
    # With it a handler can tell whether the client is still there.
    writer: object = None

    def json(self):
        return json.loads(self.body or b"{}")


class Stream:
    """An answer in pieces: an asynchronous generator of bytes."""

    def __init__(self, pieces, kind="application/json"):
        self.pieces, self.kind = pieces, kind


class Server:
    """`handle` is called with each request and returns status and answer: an object, bytes, or a Stream."""

    def __init__(self, handle):
        self.handle = handle
        self.server = None
        self.writers = set()

    async def start(self, host, port=0, context=None):
        self.server = await asyncio.start_server(self.serve, host, port, ssl=context, limit=1 << 20, backlog=256)
        return self.server.sockets[0].getsockname()[1]

    def close(self):
        if self.server:
            self.server.close()
            for writer in list(self.writers):
                writer.transport.abort()
            self.server = None

    async def serve(self, reader, writer):
        self.writers.add(writer)
        try:
            while request := await read(reader, writer):
                if not await self.answer(request, writer):
                    break
        except (OSError, asyncio.IncompleteReadError, ValueError, asyncio.LimitOverrunError):
            pass  # whoever asked is gone, or speaks something else
        finally:
            self.writers.discard(writer)
            writer.close()

    async def answer(self, request, writer):
        status, answer = await self.handle(request)
        if isinstance(answer, Stream):
            writer.write(head(status, answer.kind, None))
            async for piece in answer.pieces:
                writer.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
                await writer.drain()
            writer.write(b"0\r\n\r\n")
        else:
            body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            writer.write(head(status, "text/plain" if isinstance(answer, bytes) else "application/json", len(body))
                         + body)
        await writer.drain()
        return request.headers.get("connection", "").lower() != "close"


def head(status, kind, length):
    size = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
    return f"HTTP/1.1 {status} Status\r\nContent-Type: {kind}\r\n{size}\r\n\r\n".encode()


async def read(reader, writer):
    """The next request of a connection, None at its end."""
    line = await reader.readline()
    if not line.strip():
        return None
    method, target, _ = line.decode().split(" ", 2)
    headers = {}
    while (line := await reader.readline()).strip():
        name, _, value = line.decode().partition(":")
        headers[name.strip().lower()] = value.strip()
    if headers.get("expect", "").lower() == "100-continue":
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    if headers.get("transfer-encoding", "").lower() == "chunked":
        body = b""
        while size := int((await reader.readline()).split(b";")[0], 16):
            body += await reader.readexactly(size)
            await reader.readline()
        await reader.readline()
    else:
        body = await reader.readexactly(min(int(headers.get("content-length", 0)), LIMIT))
    path, _, query = target.partition("?")
    return Request(method, urllib.parse.unquote(path),
                   dict(urllib.parse.parse_qsl(query, keep_blank_values=True)), headers, body,
                   peer={"ssl": writer.get_extra_info("ssl_object")}, writer=writer)
