# SPDX-License-Identifier: Apache-2.0
"""HTTP/1.1 over TLS to the API server, over connections that are used again."""
import asyncio
import ssl
from urllib.parse import urlsplit

# More than the largest response head a server sends; bodies come in pieces of any size.
HEAD_LIMIT = 1 << 18
PIECE = 1 << 16


def end(writer):
    """Ends a connection at once, whatever is still to be written."""
    try:
        writer.transport.abort()
    except AttributeError:
        pass # What Python 3.11 says of a TLS connection that is gone.


class UpstreamError(Exception):
    """The API server cannot be reached or broke off."""


class Response:
    """A response whose body is still to be read."""

    def __init__(self, status, headers, connection, has_body):
        self.status, self.headers, self.connection = status, headers, connection
        fields = {name: value for name, value in headers}
        self.is_chunked = "chunked" in fields.get("transfer-encoding", "")
        length = fields.get("content-length")
        self.length = 0 if not has_body else int(length) if length is not None else None
        self.is_reusable = "close" not in fields.get("connection", "") and (self.is_chunked or length is not None)
        if not has_body:
            self.is_chunked = False

    async def pieces(self):
        """The body as it arrives, without its framing."""
        reader = self.connection.reader
        try:
            if self.is_chunked:
                async for piece in chunks(reader):
                    yield piece
            else:
                async for piece in plain(reader, self.length):
                    yield piece
        except (OSError, asyncio.IncompleteReadError, ValueError) as error:
            raise UpstreamError(f"the body broke off: {error}") from error
        self.connection.finish(self.is_reusable)

    async def body(self):
        return b"".join([piece async for piece in self.pieces()])


async def chunks(reader):
    while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
        while size:
            piece = await reader.read(min(size, PIECE))
            if not piece:
                raise asyncio.IncompleteReadError(b"", size)
            size -= len(piece)
            yield piece
        await reader.readexactly(2)
    while await reader.readuntil(b"\r\n") != b"\r\n":
        pass


async def plain(reader, length):
    while length is None or length:
        piece = await reader.read(PIECE if length is None else min(length, PIECE))
        if not piece:
            if length is None:
                return
            raise asyncio.IncompleteReadError(b"", length)
        length = None if length is None else length - len(piece)
        yield piece


class Connection:
    """One connection, which carries one exchange at a time."""

    def __init__(self, pool, reader, writer):
        self.pool, self.reader, self.writer = pool, reader, writer
        self.is_busy = True

    async def exchange(self, method, target, headers, body):
        lines = [f"{method} {target} HTTP/1.1", f"host: {self.pool.authority}"]
        lines += [f"{name}: {value}" for name, value in headers]
        if body or method in ("POST", "PUT", "PATCH"):
            lines.append(f"content-length: {len(body)}")
        self.writer.write(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body)
        await self.writer.drain()
        status, headers = parse_head(await self.reader.readuntil(b"\r\n\r\n"))
        return Response(status, headers, self, method != "HEAD" and status not in (204, 304))

    def finish(self, is_reusable):
        self.is_busy = False
        if is_reusable:
            self.pool.idle.append(self)
        else:
            self.writer.close()

    def abandon(self):
        """Ends it, unless its exchange is over."""
        if self.is_busy:
            self.is_busy = False
            end(self.writer)


def parse_head(head):
    """Status and headers, names in lower case."""
    lines = head.decode("latin-1").split("\r\n")
    pairs = [line.split(":", 1) for line in lines[1:] if line]
    return int(lines[0].split(" ")[1]), [(name.lower(), value.strip()) for name, value in pairs]


class Upstream:
    """The API server."""

    def __init__(self, url, ca_file):
        parts = urlsplit(url)
        self.host, self.port, self.authority = parts.hostname, parts.port or 443, parts.netloc
        self.context = ssl.create_default_context(cafile=ca_file)
        self.idle = []

    async def send(self, method, target, headers, body):
        """The response, its body unread; a read is sent once more if a connection that lay idle turns out dead."""
        while self.idle:
            connection = self.idle.pop()
            if connection.reader.at_eof() or connection.writer.is_closing():
                connection.writer.close()
                continue
            connection.is_busy = True
            try:
                return await self.exchange(connection, method, target, headers, body)
            except UpstreamError:
                if method != "GET":
                    raise
        try:
            reader, writer = await asyncio.open_connection(self.host, self.port, ssl=self.context, limit=HEAD_LIMIT)
        except OSError as error:
            raise UpstreamError(f"{self.authority}: {error}") from error
        return await self.exchange(Connection(self, reader, writer), method, target, headers, body)

    @staticmethod
    async def exchange(connection, method, target, headers, body):
        try:
            return await connection.exchange(method, target, headers, body)
        except asyncio.CancelledError:
            connection.abandon()
            raise
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError, IndexError) as error:
            connection.abandon()
            raise UpstreamError(f"no response: {error}") from error
