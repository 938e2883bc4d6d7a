#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: Apache-2.0
"""A TCP relay on loopback that stands between a client and servers of which it uses one at a time.

usage: relay.py PORT...     prints "LISTENING port", and "RELAYING port" or "REFUSING" after each change

It starts with the first port. SIGUSR1 cuts every connection and goes on with the next port, in a circle; SIGUSR2 cuts
every connection and refuses new ones, until SIGUSR1 or the next SIGUSR2.
"""
import asyncio
import signal
import sys


class Relay:
    def __init__(self, ports):
        self.ports, self.current, self.is_open, self.tasks = ports, 0, True, set()

    async def serve(self, reader, writer):
        task = asyncio.current_task()
        self.tasks.add(task)
        try:
            if self.is_open:
                upstream = await asyncio.open_connection("127.0.0.1", self.ports[self.current])
                await self.carry((reader, writer), upstream)
        except (OSError, asyncio.CancelledError):
            pass  # the client sees its connection end, and that is all it is to see
        finally:
            writer.transport.abort()
            self.tasks.discard(task)

    async def carry(self, client, server):
        """Until either side has no more to say: no client of an API server closes one direction alone."""
        pumps = [asyncio.ensure_future(self.pump(client[0], server[1])),
                 asyncio.ensure_future(self.pump(server[0], client[1]))]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            server[1].transport.abort()

    @staticmethod
    async def pump(reader, writer):
        try:
            while data := await reader.read(1 << 16):
                writer.write(data)
                await writer.drain()
        except (OSError, asyncio.CancelledError):
            pass

    def change(self, use_next):
        if use_next:
            self.current = (self.current + 1) % len(self.ports)
        self.is_open = use_next or not self.is_open
        for task in self.tasks:
            task.cancel()
        print(f"RELAYING {self.ports[self.current]}" if self.is_open else "REFUSING", flush=True)


async def main(ports):
    relay = Relay(ports)
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, relay.change, True)
    loop.add_signal_handler(signal.SIGUSR2, relay.change, False)
    server = await asyncio.start_server(relay.serve, "127.0.0.1", 0)
    print(f"LISTENING {server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    asyncio.run(main([int(port) for port in sys.argv[1:]]))
