# SPDX-License-Identifier: Apache-2.0
"""Simulates Talos nodes on this machine's loopback.

  hack/talos-simulator.sh --seed 1 --cluster demo=3

It prints KEY=value lines: CONTROL is the URL of its interface (GET it for a description), PREFIX the network of its
nodes, PORT their port. It ends on SIGTERM, with --until-input-ends when its standard input ends, with --parent-pid when
that process is gone; and then it ends what it started.
"""
import argparse
import asyncio
import contextlib
import os
import random
import signal
import socket
import sys
from pathlib import Path

from . import api_apply, api_cosi, api_etcd, api_lifecycle, api_machine  # noqa: F401 they register their methods
from .control import Control
from .world import World


def reserve(wanted):
    """A network in 127.0.0.0/8 that no other simulator has, and the socket that keeps it ours."""
    numbers = [int(wanted.split(".")[1])] if wanted else random.sample(range(2, 255), 253)
    for number in numbers:
        mark = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        with contextlib.suppress(OSError):
            mark.bind(f"\0talos-simulator-127.{number}")
            return f"127.{number}", mark
        mark.close()
    raise SystemExit("talos-simulator: every network is taken")


def birth(pid):
    """When a process was started, None if it is gone: a number that is used again belongs to another."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else fields[19]


async def parent_gone(pid):
    born = birth(pid)
    while born and birth(pid) == born:
        await asyncio.sleep(0.5)


async def input_ends():
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while await reader.read(4096):
        pass


async def run(options):
    prefix, mark = reserve(options.prefix)
    world = World(seed=options.seed, delay=options.delay, prefix=prefix, port=options.port,
                  etcd_timeout=options.etcd_timeout)
    control = Control(world, options)
    port = await control.server.start("127.0.0.1", options.control_port)
    for wanted in options.cluster:
        name, _, count = wanted.partition("=")
        cluster = await control.add_cluster(name, options.kubernetes)
        for _ in range(int(count or 1)):
            control.add_node(cluster, version=options.talos_version)
    print(f"CONTROL=http://127.0.0.1:{port}\nPREFIX={prefix}\nPORT={options.port}\nPID={os.getpid()}", flush=True)

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    ends = [asyncio.create_task(stop.wait())]
    if options.parent_pid:
        ends.append(asyncio.create_task(parent_gone(options.parent_pid)))
    if options.until_input_ends:
        ends.append(asyncio.create_task(input_ends()))
    await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    for cluster in list(world.clusters.values()):
        await control.remove_cluster(cluster)
    mark.close()
    # The kernel ends the connections; the event loop would complain of each that is just being opened or closed.
    os._exit(0)


def main():
    parser = argparse.ArgumentParser(prog="talos-simulator", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", default="0", help="what everything random follows from")
    parser.add_argument("--delay", type=float, default=0.2, help="seconds that a step takes")
    parser.add_argument("--etcd-timeout", type=float, default=1.0, help="seconds until an etcd without quorum gives up")
    parser.add_argument("--prefix", help="the network of the nodes, such as 127.5; a free one if not given")
    parser.add_argument("--port", type=int, default=50000, help="the port of the nodes")
    parser.add_argument("--control-port", type=int, default=0, help="of the interface; a free one if not given")
    parser.add_argument("--parent-pid", type=int, help="ends when this process is gone")
    parser.add_argument("--until-input-ends", action="store_true", help="ends with its standard input")
    parser.add_argument("--cluster", action="append", default=[], metavar="NAME[=NODES]", help="one to begin with")
    parser.add_argument("--talos-version", default="v1.12.3", help="of the nodes of these clusters")
    parser.add_argument("--kubernetes", default="none", choices=["none", "model", "real"], help="of these clusters")
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
