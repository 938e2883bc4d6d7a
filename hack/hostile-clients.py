#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Clients that wear an HTTP server out, to be run against a server of one's own on loopback.

usage: hostile-clients.py KIND COUNT PORT...

Keeps COUNT connections to each PORT of 127.0.0.1 open, and opens a new one for each that the server closes, until it is
killed or its parent ends. Prints "attacking" once all have been opened. KIND says what they do:

  slow    send the head of a request byte by byte, two in a second (slow loris)
  huge    send a head of 10 MiB, as fast as the server takes it
  silent  send nothing
  greedy  ask for /metrics over and over and read nothing
"""
import os
import selectors
import socket
import sys
import time

HEAD = b"GET / HTTP/1.1\r\nHost: x\r\nX-Padding: "
HUGE = HEAD + b"x" * (10 << 20) + b"\r\n\r\n"
GREEDY = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 512
BYTES = {"slow": HEAD + b"x" * 4096, "huge": HUGE, "silent": b"", "greedy": GREEDY}
# A pause between two tries for one connection, so that a server that refuses costs us little.
RETRY = 0.02


class Client:
    """One connection after another to one port."""

    def __init__(self, kind, port):
        self.kind, self.port, self.socket, self.due = kind, port, None, 0.0

    def open(self):
        self.left = memoryview(BYTES[self.kind])
        self.socket = socket.socket()
        self.socket.setblocking(False)
        self.socket.connect_ex(("127.0.0.1", self.port))

    def close(self):
        self.socket.close()
        self.socket, self.due = None, time.monotonic() + RETRY

    def events(self):
        is_sending = self.left and time.monotonic() >= self.due
        reads = 0 if self.kind == "greedy" else selectors.EVENT_READ
        return reads | (selectors.EVENT_WRITE if is_sending else 0)

    def send(self):
        """Sends what this kind sends at a time; raises OSError when the server is through with us."""
        if self.kind == "slow":
            self.left = self.left[self.socket.send(self.left[:1]):]
            self.due = time.monotonic() + 0.5
        else:
            self.left = self.left[self.socket.send(self.left[:65536]):]
            if self.kind == "greedy" and not self.left:
                self.left = memoryview(GREEDY)


def turn(clients):
    """Serves every client once that can be served within a tenth of a second."""
    with selectors.PollSelector() as selector:
        for client in clients:
            if client.socket is None and time.monotonic() >= client.due:
                client.open()
            if client.socket is not None:
                # Without an event of interest a reset still ends the wait.
                selector.register(client.socket, client.events() or selectors.EVENT_READ, client)
        for key, events in selector.select(0.1):
            try:
                if events & selectors.EVENT_WRITE:
                    key.data.send()
                if events & selectors.EVENT_READ and key.data.kind != "greedy" and not key.data.socket.recv(65536):
                    key.data.close()
            except BlockingIOError:
                continue
            except OSError:
                key.data.close()


def main():
    kind, count, ports = sys.argv[1], int(sys.argv[2]), [int(port) for port in sys.argv[3:]]
    clients = [Client(kind, port) for port in ports for _ in range(count)]
    turn(clients)
    print("attacking", flush=True)
    parent = os.getppid()
    while os.getppid() == parent:
        turn(clients)


if __name__ == "__main__":
    if len(sys.argv) < 4 or sys.argv[1] not in BYTES:
        sys.exit(__doc__)
    main()
