#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A proxy between a Kubernetes client and a real API server that does to requests what networks do.

Clients connect over TLS, with HTTP/2 or HTTP/1.1; the API server is reached over HTTP/1.1 with TLS, verified. Client
certificates end here, so clients need a token. A second port relays bytes without looking at them.

  eval "$(hack/control-plane.sh up mine)"
  hack/fault-proxy.py --server "$SERVER" --ca "$CA_FILE" --port 9443 \\
      --certificate "$STATE_DIR/pki/server.crt" --key "$STATE_DIR/pki/server.key" \\
      --rule '{"match": {"path": "machines"}, "action": {"do": "answer", "status": 503}, "probability": 0.5}'
  kubectl --kubeconfig "$OPERATOR_KUBECONFIG" --server https://127.0.0.1:9443 get machines

Commands come in on standard input and what happens goes out on standard output, one JSON object a line; the proxy ends
when its input does. The first line out names the ports. Commands may carry an "id", which the answer repeats.

  {"do": "add", "rule": {…}}      answered with the number of the rule
  {"do": "remove", "rule": 1}     and releases what that rule holds
  {"do": "clear"}                 removes all rules and releases all that is held
  {"do": "release", "held": 1}    lets a held request go on
  {"do": "reset"}                 breaks every connection there is, with RST
  {"do": "black-hole"}            every connection there is stays open and carries nothing more

A rule is {"match": {…}, "action": {"do": …, …}, "probability": 1}. It counts the requests that match; whether, and how
hard, the nth suffers follows from --seed, the number of the rule and n alone. All rules that match take effect.

  match   methods: [GET, …]; path: regular expression, found in path and query; watch: true or false; first, last:
          which of the requests that match, from 1; relay: true for connections of the relay port, instead of requests
  action  delay from_ms to_ms             waits before it forwards; the relay, before each piece
          drop                            closes the connection instead of forwarding
          answer status retry_after       refuses, as an API server words it (429: text, 502: HTML), not forwarding
          hold at                         "before" forwarding or "after" the answer is there, until released
          reset after_bytes|after_events whole   RST_STREAM, or RST of the whole connection (HTTP/1.1: always)
          black-hole after_bytes|after_events    the connection carries nothing more; without number: not forwarded
          error-event code after_events   ends a watch with an ERROR event: 410, 500, …
          swallow-response then           the server acts, then "reset" or "black-hole" instead of the answer
          swallow-bookmarks               removes bookmarks from a watch
          throttle bytes_per_s            the response's body
          single-bytes                    each byte of the body is a DATA frame, chunk or segment of its own
          goaway refuse                   GOAWAY (HTTP/1.1: Connection: close); refuse: and the request is not served
          observe                         nothing; it is reported with its status

Each fault is reported when it happens: {"injected": action, "rule": 1, "ordinal": 3, "method": …, "target": …}, the
time in "at_ms", with "held": number for a held request and "status" where the server's answer is known.
"""
import argparse
import asyncio
import json
import os
import ssl
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

from fault_proxy import front  # noqa: E402
from fault_proxy.relay import Relay  # noqa: E402
from fault_proxy.rules import RuleBook, RuleError  # noqa: E402
from fault_proxy.upstream import Upstream  # noqa: E402


class Proxy:
    """The rules, those who are held by them, and the connections they apply to."""

    def __init__(self, options):
        self.rules = RuleBook(options.seed)
        self.upstream = Upstream(options.server, options.ca)
        self.connections = set()
        self.held = {}
        self.last_held = 0
        for rule in options.rule:
            self.rules.add(json.loads(rule))

    def report(self, **fields):
        print(json.dumps(fields | {"at_ms": time.monotonic_ns() // 1_000_000}), flush=True)

    def hold(self, rule):
        """A number and a future that is done when that number is released."""
        self.last_held += 1
        released = asyncio.get_running_loop().create_future()
        self.held[self.last_held] = (rule, released)
        return self.last_held, released

    def release(self, is_meant):
        for number in [number for number, (rule, _) in self.held.items() if is_meant(number, rule)]:
            _, released = self.held.pop(number)
            if not released.done():
                released.set_result(None)

    def command(self, command):
        """Does what a line of the input says and returns what to answer."""
        match command.get("do"):
            case "add":
                return {"rule": self.rules.add(command["rule"])}
            case "remove":
                self.rules.remove(command["rule"])
                self.release(lambda _, rule: rule == command["rule"])
            case "clear":
                self.rules.clear()
                self.release(lambda *_: True)
            case "release":
                if command["held"] not in self.held:
                    raise RuleError(f"nothing is held as {command['held']}")
                self.release(lambda number, _: number == command["held"])
            case "reset":
                for connection in list(self.connections):
                    connection.reset()
            case "black-hole":
                for connection in self.connections:
                    connection.is_frozen = True
            case other:
                raise RuleError(f"there is no command {other!r}")
        return {}

    async def obey(self):
        """Reads commands until there are no more."""
        reader = asyncio.StreamReader(limit=1 << 20)
        loop = asyncio.get_running_loop()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        while line := await reader.readline():
            number = None
            try:
                command = json.loads(line)
                number = command.get("id")
                self.report(id=number, **self.command(command))
            except (RuleError, ValueError, KeyError, TypeError, AttributeError) as error:
                self.report(id=number, error=f"{type(error).__name__}: {error}")

    async def serve(self, make, reader, writer):
        connection = make(self, reader, writer)
        self.connections.add(connection)
        try:
            await connection.run()
        finally:
            self.connections.discard(connection)


async def run(options):
    proxy = Proxy(options)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(options.certificate, options.key)
    context.set_alpn_protocols(["http/1.1"] if options.http1 else ["h2", "http/1.1"])

    def server_of(make, port, context=None):
        return asyncio.start_server(
            lambda reader, writer: proxy.serve(make, reader, writer), "127.0.0.1", port, ssl=context, backlog=512)

    servers = [await server_of(front.connection, options.port, context), await server_of(Relay, options.relay_port)]
    ports = [server.sockets[0].getsockname()[1] for server in servers]
    proxy.report(port=ports[0], relay_port=ports[1])
    await proxy.obey()
    # The kernel ends the connections; the event loop would complain of each that is just being opened or closed.
    os._exit(0)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", required=True, help="URL of the API server")
    parser.add_argument("--ca", required=True, help="the authority that signed its certificate")
    parser.add_argument("--certificate", required=True, help="the proxy's own")
    parser.add_argument("--key", required=True)
    parser.add_argument("--port", type=int, default=0, help="a free one if not given")
    parser.add_argument("--relay-port", type=int, default=0)
    parser.add_argument("--http1", action="store_true", help="do not offer HTTP/2")
    parser.add_argument("--seed", default="0")
    parser.add_argument("--rule", action="append", default=[], help="a rule in JSON; may be given several times")
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
