# SPDX-License-Identifier: Apache-2.0
"""Byte relays between the loopback interfaces of two network namespaces."""
import asyncio
import contextlib
import socket


def listener(make_socket, port):
    """A socket that listens on 127.0.0.1; any free port if `port` is 0."""
    sock = make_socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("127.0.0.1", port))
    sock.listen(128)
    sock.setblocking(False)
    return sock


async def relay(listening, make_socket, host, port):
    """Connects whoever comes to `listening` with host:port, as seen from where `make_socket` makes sockets."""

    async def serve(reader, writer):
        sock = make_socket()
        sock.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(sock, (host, port))
            upstream = await asyncio.open_connection(sock=sock)
        except OSError:
            sock.close()
            writer.transport.abort()  # the client sees a connection that is reset: nobody is there
            return
        with contextlib.suppress(asyncio.CancelledError):  # the container has ended, and so do its connections
            await asyncio.gather(_pump(reader, upstream[1]), _pump(upstream[0], writer))
        for end in (writer, upstream[1]):
            end.transport.abort()

    return await asyncio.start_server(serve, sock=listening)


async def _pump(reader, writer):
    try:
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
    except OSError:
        writer.transport.abort()


def own_socket():
    """A socket of the network that we are in."""
    return socket.socket(socket.AF_INET, socket.SOCK_STREAM)
