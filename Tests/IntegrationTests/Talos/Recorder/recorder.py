# SPDX-License-Identifier: Apache-2.0
"""A gRPC server that decodes what it is asked with the Talos stubs and tells it, line by line, in JSON.

usage: recorder.py [--crt PATH --key PATH]

With an authority's certificate and key it asks for client certificates, as a configured node does; without, its own
certificate is signed by nobody else.
The first line is {"port": ..., "fingerprint": ...}. Every call that was answered is a line {"method", "requests",
"reply", "headers", "peer", ...}: requests as the stubs decode them, and the reply as they were made to encode it, each of
whose fields has a value of its own. Files that are Read steer it:
  error/CODE/TEXT  that status      node/TEXT   a message whose metadata has that error      silence  no answer
  cut              the connection breaks    half  the connection breaks within the answer    bytes/N  N bytes
Enums beyond the stubs come back as numbers. PYTHONPATH has to name Tests/TalosSimulator.
"""
import argparse
import asyncio
import datetime
import itertools
import json
import pathlib
import sys

import betterproto
import betterproto.lib.google.protobuf as google
import grpclib
import grpclib.server
from grpclib.const import Cardinality, Handler
from talos_linux_api.v1_6_0 import common, machine
from talos_simulator import messages, pki
from talos_simulator.dispatch import STUBS

STATE, MACHINE = "/cosi.resource.State/", "/machine.MachineService/"
NEWER = {
    STATE + "Get": (Cardinality.UNARY_UNARY, messages.GetRequest, messages.GetResponse),
    STATE + "List": (Cardinality.UNARY_STREAM, messages.ListRequest, messages.ListResponse),
    STATE + "Watch": (Cardinality.UNARY_STREAM, messages.WatchRequest, messages.WatchResponse),
    "/machine.LifecycleService/Upgrade": (
        Cardinality.UNARY_STREAM, messages.LifecycleServiceUpgradeRequest, messages.LifecycleServiceInstallResponse),
    "/machine.ImageService/Pull": (
        Cardinality.UNARY_STREAM, messages.ImageServicePullRequest, messages.ImageServicePullResponse),
    MACHINE + "EtcdStatus": (Cardinality.UNARY_UNARY, google.Empty, messages.EtcdStatusResponse),
}
EVENTS = [
    machine.MachineStatusEvent, machine.SequenceEvent, machine.PhaseEvent, machine.TaskEvent,
    machine.ServiceStateEvent, machine.AddressEvent, machine.ConfigValidationErrorEvent,
    machine.ConfigLoadErrorEvent, machine.RestartEvent,
]
YAML = "stage: running\nstatus:\n  ready: true\n  unmetConditions: []\nname: 'yes'\ncount: 3\n"


def filled(kind, counter=None):
    """A message with a value in each field that tells it from every other."""
    counter = counter or itertools.count(1)
    message = kind()
    groups = set()
    for field in message._betterproto.sorted_field_names:
        meta = message._betterproto.meta_by_field_name[field]
        # Metadata of Talos is there when a node failed.
        if message._betterproto.cls_by_field.get(field) is common.Metadata or meta.group in groups:
            continue
        if meta.group:
            groups.add(meta.group)
        value = filled_value(message, field, meta, counter)
        if message._betterproto.default_gen[field] is list:
            # Two nodes do not answer where one is asked.
            value = [value] if field == "messages" else [value, filled_value(message, field, meta, counter)]
        setattr(message, field, value)
    return message


def filled_value(message, field, meta, counter):
    kind = message._betterproto.cls_by_field.get(field)
    number = next(counter)
    if meta.map_types:
        return {f"{field}-key": f"{field}-value"}
    if meta.proto_type == betterproto.TYPE_MESSAGE:
        if kind is datetime.datetime:
            return datetime.datetime.fromtimestamp(1_700_000_000 + number, datetime.timezone.utc)
        if kind is datetime.timedelta:
            return datetime.timedelta(seconds=number)
        return filled(kind, counter)
    if meta.proto_type == betterproto.TYPE_ENUM:
        return list(kind)[number % (len(kind) - 1) + 1]
    if meta.proto_type == betterproto.TYPE_STRING:
        return YAML if field == "yaml_spec" else f"{field}-{number}"
    if meta.proto_type == betterproto.TYPE_BYTES:
        return bytes([meta.number, 0, 255, number])
    if meta.proto_type == betterproto.TYPE_BOOL:
        return True
    if meta.proto_type == betterproto.TYPE_UINT64:
        return (1 << 63) + number
    if meta.proto_type == betterproto.TYPE_INT64:
        return (1 << 40) + number
    return 1000 + number


def plain(value):
    """A message as JSON can carry it: every field, integers as text where not all readers have so many digits."""
    if isinstance(value, betterproto.Message):
        return {field: plain(getattr(value, field)) for field, meta in value._betterproto.meta_by_field_name.items()
                if not meta.group or betterproto.which_one_of(value, meta.group)[0] == field}
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [plain(each) for each in value]
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, datetime.timedelta):
        return int(value.total_seconds())
    if isinstance(value, datetime.datetime):
        return int(value.timestamp())
    return str(value) if isinstance(value, int) and value >= 1 << 53 else value


def events():
    for kind in EVENTS:
        data = google.Any(type_url=f"talos/runtime/machine.{kind.__name__}", value=bytes(filled(kind)))
        yield machine.Event(data=data, id=f"id-{kind.__name__}", actor_id="actor")
    yield machine.Event(data=google.Any(type_url="talos/runtime/machine.NewEvent", value=b""), id="new")


def watched():
    resource = filled(messages.Resource)
    yield messages.WatchResponse()
    yield messages.WatchResponse([messages.Event(resource), messages.Event(resource, messages.EventType.UPDATED, resource)])
    yield messages.WatchResponse([
        messages.Event(event_type=messages.EventType.NOOP), messages.Event(event_type=messages.EventType.BOOTSTRAPPED),
        messages.Event(resource, messages.EventType.DESTROYED)])
    yield messages.WatchResponse([messages.Event(event_type=messages.EventType.ERRORED, error="compacted")])


def replies(path, kind):
    if path.endswith("/Events"):
        return list(events())
    if path.endswith("/Watch"):
        return list(watched())
    if path.endswith("LifecycleService/Upgrade"):
        lines = [messages.LifecycleServiceInstallProgress(message=f"line {number}") for number in range(25)]
        steps = [*lines, messages.LifecycleServiceInstallProgress(exit_code=0)]
        return [messages.LifecycleServiceInstallResponse(step) for step in steps]
    if path.endswith("ImageService/Pull"):
        return [kind(pull_progress=filled(messages.ImageServicePullProgress)), kind(name="pulled@sha256:abc")]
    if path.endswith("/List"):
        return [filled(kind), filled(kind, itertools.count(100))]
    return [filled(kind)]


class Recorder:
    """What grpclib looks methods up in."""

    def __init__(self):
        self.methods = {
            path: (stub.cardinality, stub.request_type, stub.reply_type) for path, stub in STUBS.items()} | NEWER

    def __mapping__(self):
        return {path: Handler(self.serve(path), *types) for path, types in self.methods.items()}

    def serve(self, path):
        cardinality, request_type, reply_type = self.methods[path]

        async def answer(stream):
            requests = [request async for request in stream] if cardinality.client_streaming else [
                await stream.recv_message()]
            if path.endswith("/Read") and await self.steered(stream, requests[0].path):
                return
            reply = replies(path, reply_type)
            for message in reply:
                await stream.send_message(message)
            ssl = stream._stream._transport.get_extra_info("ssl_object")
            print(json.dumps({
                "method": path, "requests": [plain(request) for request in requests],
                "reply": [plain(message) for message in reply], "headers": dict(stream.metadata),
                "deadline": stream.deadline and stream.deadline.time_remaining(),
                "connection": stream.peer.addr()[1], "agent": stream.user_agent,
                "peer": str((ssl.getpeercert() or {}).get("subject", "")),
            }), flush=True)
        return answer

    async def steered(self, stream, path):
        word, _, rest = path.partition("/")
        if word == "error":
            code, _, words = rest.partition("/")
            raise grpclib.GRPCError(grpclib.Status(int(code)), words)
        if word == "node":
            status = google_status(9, "detail")
            await stream.send_message(common.Data(metadata=common.Metadata("10.0.0.9", rest, status), bytes=b""))
        elif word == "silence":
            await asyncio.Event().wait()
        elif word == "cut":
            stream._stream._transport.abort()
        elif word == "half":
            await stream.send_message(common.Data(bytes=b"first"))
            await asyncio.sleep(0)
            stream._stream._transport.abort()
        elif word == "bytes":
            left = int(rest)
            while left > 0:
                await stream.send_message(common.Data(bytes=bytes(min(left, 65536))))
                left -= 65536
        else:
            return False
        return True


def google_status(code, message):
    kind = common.Metadata()._betterproto.cls_by_field["status"]
    return kind(code=code, message=message)


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--crt", type=pathlib.Path)
    parser.add_argument("--key", type=pathlib.Path)
    options = parser.parse_args()
    now, hosts = datetime.datetime.now(datetime.timezone.utc), ["127.0.0.1"]
    authorities = None
    if options.crt:
        authority = pki.Authority(options.crt.read_bytes(), options.key.read_bytes())
        key, certificate = authority.issue(
            pki.subject("node"), [pki.ExtendedKeyUsageOID.SERVER_AUTH], now, datetime.timedelta(days=1), hosts,
            skew=datetime.timedelta(minutes=5))
        authorities = authority.pem
    else:
        key, certificate = pki.self_signed(hosts, now)
    server = grpclib.server.Server([Recorder()])
    await server.start("127.0.0.1", 0, ssl=pki.server_context(key, certificate, authorities), backlog=1024)
    port = server._server.sockets[0].getsockname()[1]
    print(json.dumps({"port": port, "fingerprint": pki.fingerprint(certificate)}), flush=True)
    # Ends with whoever started it.
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(main())
