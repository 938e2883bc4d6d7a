# SPDX-License-Identifier: Apache-2.0
"""The side the client sees: TLS with HTTP/1.1 or HTTP/2 on it, whose connections can be broken in every way."""
import asyncio
import socket
import struct

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (DataReceived, RemoteSettingsChanged, RequestReceived, StreamEnded, StreamReset,
                       WindowUpdated)
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes, Settings
from hyperframe.frame import GoAwayFrame

from fault_proxy.exchange import Broken, Exchange, Request
from fault_proxy.upstream import HEAD_LIMIT, PIECE, chunks, end

# As many as kube-apiserver allows; the window of a connection, so that large bodies wait for no update.
STREAMS = 250
WINDOW = 1 << 24


def abort(writer):
    """Ends a connection with RST instead of FIN."""
    raw = writer.get_extra_info("socket")
    if raw is not None and raw.fileno() >= 0:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    end(writer)


class Connection:
    """A client's connection; what comes in is seen at once, so that its end is too."""

    def __init__(self, proxy, reader, writer):
        self.proxy, self.reader, self.writer = proxy, reader, writer
        self.is_frozen = False
        self.tasks = set()

    async def run(self):
        """Reads until the client leaves, then ends what is still under way for it."""
        try:
            while data := await self.reader.read(PIECE):
                if not self.is_frozen:
                    self.received(data)
        except (OSError, ProtocolError):
            pass
        finally:
            for task in self.tasks:
                task.cancel()
            end(self.writer)

    def start(self, work):
        task = asyncio.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task

    async def freeze(self):
        """From now on nothing goes either way; waits until the client gives up."""
        self.is_frozen = True
        await asyncio.Event().wait()

    async def write(self, data):
        if self.is_frozen:
            await self.freeze()
        if self.writer.is_closing():
            raise Broken
        self.writer.write(data)
        await self.writer.drain()

    def reset(self):
        abort(self.writer)

    def close(self):
        self.writer.close()


class HTTP1Connection(Connection):
    """Requests one after the other; it is its own only stream."""

    def __init__(self, proxy, reader, writer):
        super().__init__(proxy, reader, writer)
        self.input = asyncio.StreamReader(limit=HEAD_LIMIT)
        self.is_last = False
        self.start(self.serve())

    def received(self, data):
        self.input.feed_data(data)

    async def serve(self):
        try:
            while not self.is_last:
                request = await self.read_request()
                await Exchange(self.proxy, Stream1(self), request).run()
        except (Broken, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError, IndexError):
            pass
        finally:
            self.close()

    async def read_request(self):
        head = (await self.input.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, target, _ = head[0].split(" ")
        headers = [(name.lower(), value.strip()) for name, value in
                   (line.split(":", 1) for line in head[1:] if line)]
        fields = dict(headers)
        if "100-continue" in fields.pop("expect", ""):
            await self.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self.is_last = fields.get("connection") == "close"
        if "chunked" in fields.get("transfer-encoding", ""):
            body = b"".join([piece async for piece in chunks(self.input)])
        else:
            body = await self.input.readexactly(int(fields.get("content-length", 0)))
        return Request(method, target, [(name, value) for name, value in headers if name != "expect"], body)


class Stream1:
    """The response to one request over HTTP/1.1."""

    def __init__(self, connection):
        self.connection, self.is_chunked, self.pending = connection, False, b""

    async def head(self, status, headers, length):
        self.is_chunked = length is None and status not in (204, 304)
        lines = [f"HTTP/1.1 {status} x"] + [f"{name}: {value}" for name, value in headers
                                            if name != "content-length"]
        lines.append("transfer-encoding: chunked" if self.is_chunked else f"content-length: {length or 0}")
        if self.connection.is_last:
            lines.append("connection: close")
        self.pending = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
        # A body that is to come belongs into the same packet; one that is long in coming must not hold the head back.
        if self.is_chunked:
            await self.flush()

    async def data(self, piece):
        if self.is_chunked:
            piece = b"%x\r\n%b\r\n" % (len(piece), piece)
        piece, self.pending = self.pending + piece, b""
        await self.connection.write(piece)

    async def end(self):
        self.pending += b"0\r\n\r\n" if self.is_chunked else b""
        await self.flush()

    async def flush(self):
        pending, self.pending = self.pending, b""
        if pending:
            await self.connection.write(pending)

    def reset(self, whole):
        del whole # there is nothing less
        self.connection.reset()

    def close(self):
        self.connection.close()

    def go_away(self, refuse):
        self.connection.is_last = True
        if refuse:
            self.connection.close()
            raise Broken

    async def freeze(self):
        await self.connection.freeze()


class HTTP2Connection(Connection):
    """Many requests at a time."""

    def __init__(self, proxy, reader, writer):
        super().__init__(proxy, reader, writer)
        self.h2 = H2Connection(H2Configuration(
            client_side=False, header_encoding="utf-8", validate_outbound_headers=False,
            normalize_outbound_headers=False))
        self.h2.local_settings = Settings(client=False, initial_values={
            SettingCodes.MAX_CONCURRENT_STREAMS: STREAMS, SettingCodes.INITIAL_WINDOW_SIZE: WINDOW})
        self.h2.initiate_connection()
        self.h2.increment_flow_control_window(WINDOW)
        self.streams = {}
        self.window_opened = asyncio.Event()
        self.is_leaving = self.is_flushing = False
        self.flush_soon()

    def received(self, data):
        for event in self.h2.receive_data(data):
            match event:
                # What comes after GOAWAY the client sends again elsewhere; a server must not act on it.
                case RequestReceived() if not self.is_leaving:
                    self.streams[event.stream_id] = Stream2(self, event.stream_id, event.headers)
                case DataReceived():
                    self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                    if stream := self.streams.get(event.stream_id):
                        stream.body.append(event.data)
                case StreamEnded():
                    if stream := self.streams.get(event.stream_id):
                        stream.task = self.start(self.serve(stream))
                case StreamReset():
                    stream = self.streams.pop(event.stream_id, None)
                    if stream and stream.task:
                        stream.task.cancel()
                case WindowUpdated() | RemoteSettingsChanged():
                    self.window_opened.set()
                    self.window_opened = asyncio.Event()
        self.flush_soon()

    async def serve(self, stream):
        try:
            await Exchange(self.proxy, stream, stream.request()).run()
        except ProtocolError as error:
            self.proxy.report(client=f"{type(error).__name__}: {error}")
        finally:
            self.streams.pop(stream.id, None)
            if self.is_leaving and not self.streams:
                self.flush()
                self.close()

    def flush_soon(self):
        """What is written until the loop comes round goes out together."""
        if not self.is_flushing:
            self.is_flushing = True
            asyncio.get_running_loop().call_soon(self.flush)

    def flush(self):
        self.is_flushing = False
        if not self.is_frozen and not self.writer.is_closing() and (data := self.h2.data_to_send()):
            self.writer.write(data)

    def go_away(self):
        if self.is_leaving:
            return
        self.is_leaving = True
        self.flush()
        self.writer.write(GoAwayFrame(0, last_stream_id=self.h2.highest_inbound_stream_id).serialize())


class Stream2:
    """One request over HTTP/2 and its response."""

    def __init__(self, connection, number, headers):
        self.connection, self.id, self.headers = connection, number, headers
        self.body, self.task = [], None

    def request(self):
        fields = dict(self.headers[:6])
        return Request(fields[":method"], fields[":path"], self.headers, b"".join(self.body))

    async def head(self, status, headers, length):
        fields = [(":status", str(status))] + [pair for pair in headers if pair[0] != "content-length"]
        if length is not None:
            fields.append(("content-length", str(length)))
        await self.admitted()
        self.connection.h2.send_headers(self.id, fields)
        self.connection.flush_soon()

    async def data(self, piece):
        start, h2 = 0, self.connection.h2
        while start < len(piece):
            await self.admitted()
            window = min(h2.local_flow_control_window(self.id), h2.max_outbound_frame_size)
            if window <= 0:
                await self.connection.window_opened.wait()
                continue
            h2.send_data(self.id, piece[start:start + window])
            start += window
            if len(piece) == 1:
                self.connection.flush()
            else:
                self.connection.flush_soon()
        await self.connection.writer.drain()

    async def end(self):
        await self.admitted()
        self.connection.h2.end_stream(self.id)
        self.connection.flush_soon()

    async def flush(self):
        await self.admitted()
        self.connection.flush()
        await self.connection.writer.drain()

    async def admitted(self):
        """Returns if the client can still be told something."""
        if self.connection.is_frozen:
            await self.connection.freeze()
        if self.id not in self.connection.streams or self.connection.writer.is_closing():
            raise Broken

    def reset(self, whole, code=ErrorCodes.INTERNAL_ERROR):
        if whole:
            self.connection.reset()
        elif self.connection.streams.pop(self.id, None):
            self.connection.h2.reset_stream(self.id, code)
            self.connection.flush_soon()

    def close(self):
        self.connection.close()

    def go_away(self, refuse):
        self.connection.go_away()
        if refuse:
            self.reset(False, ErrorCodes.REFUSED_STREAM)
            raise Broken

    async def freeze(self):
        await self.connection.freeze()


def connection(proxy, reader, writer):
    """The connection that speaks the protocol agreed on in the handshake."""
    chosen = writer.get_extra_info("ssl_object").selected_alpn_protocol()
    return (HTTP2Connection if chosen == "h2" else HTTP1Connection)(proxy, reader, writer)
