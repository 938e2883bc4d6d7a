# SPDX-License-Identifier: Apache-2.0
"""From the path of a request to the function that serves it: who may, what went into the journal, which fault strikes.

A method is a function of (node, request, call) that returns the reply, or an asynchronous generator of replies; its
types are those of the stubs. Modules register theirs with `rpc`.
"""
import asyncio
import hashlib

import betterproto
import betterproto.lib.google.protobuf
import grpclib
from grpclib.const import Cardinality, Handler
from talos_linux_api.v1_6_0 import cluster, common, inspect, machine, storage
from talos_linux_api.v1_6_0 import time as time_api

from .errors import denied, invalid, unavailable, unimplemented
from .world import REQUEST

ADMIN = {"os:admin"}
OPERATOR = ADMIN | {"os:operator"}
BACKUP = OPERATOR | {"os:etcd:backup"}
READER = OPERATOR | {"os:reader"}
ETCD_READER = READER | {"os:etcd:backup"}
AGGREGATED = ("/machine.MachineService/", "/cluster.ClusterService/", "/inspect.InspectService/",
              "/storage.StorageService/", "/time.TimeService/")

# The stubs forget to import what two of their modules name.
for module in (cluster, inspect, storage, time_api):
    module.betterproto_lib_google_protobuf = betterproto.lib.google.protobuf
STUBS = {}
for service in (machine.MachineServiceBase, cluster.ClusterServiceBase, storage.StorageServiceBase,
                time_api.TimeServiceBase, inspect.InspectServiceBase):
    STUBS.update(service().__mapping__())
METHODS = {}


class Method:
    """One method: `since` and `until` bound the minors of Talos that have it."""

    def __init__(self, path, function, roles, since, until, cardinality, request_type, reply_type):
        self.path, self.function, self.roles = path, function, roles
        self.since, self.until = since, until
        self.cardinality, self.request_type, self.reply_type = cardinality, request_type, reply_type

    def is_in(self, version):
        return (self.since is None or version.line >= self.since) and (self.until is None or version.line < self.until)


def rpc(path, *, roles=READER, since=None, until=None, types=None):
    """Registers a function as the method of this path; types are cardinality, request and reply if no stub has them."""
    if types is None:
        stub = STUBS[path]
        types = (stub.cardinality, stub.request_type, stub.reply_type)

    def register(function):
        METHODS[path] = Method(path, function, roles, since, until, *types)
        return function
    return register


class Call:
    """What a method may want to know of its request besides the message."""

    def __init__(self, roles, metadata, entry, decisions):
        self.roles, self.metadata, self.entry, self.decisions = roles, metadata, entry, decisions

    @property
    def is_admin(self):
        return bool(self.roles & ADMIN)

    def decided(self, *actions):
        return [decision for decision in self.decisions if decision.action in actions]


class Cut(Exception):
    """The connection is to break instead of an answer."""


class Methods(dict):
    """What grpclib looks methods up in; it has an answer to every path."""

    def __init__(self, node, is_secure):
        super().__init__()
        self.node, self.is_secure = node, is_secure

    def get(self, path, default=None):
        handler = super().get(path)
        if not handler:
            handler = self[path] = self.handler(path)
        return handler

    def handler(self, path):
        method = METHODS.get(path)
        stub = STUBS.get(path)
        cardinality, request, reply = (method.cardinality, method.request_type, method.reply_type) if method else (
            (stub.cardinality, stub.request_type, stub.reply_type) if stub else
            (Cardinality.UNARY_STREAM, common.Empty, common.Empty))

        async def serve(stream):
            await Service(self.node, self.is_secure, path, method, stream).run()
        return Handler(serve, cardinality, request, reply)


class Service:
    """The serving of one request."""

    def __init__(self, node, is_secure, path, method, stream):
        self.node, self.is_secure, self.path, self.method, self.stream = node, is_secure, path, method, stream
        self.roles = stream._stream.connection.roles if is_secure else {"os:reader"}

    async def run(self):
        stream, node = self.stream, self.node
        request = stream if self.method and self.method.cardinality.client_streaming else await stream.recv_message()
        entry = node.world.journal.add(
            "request", cluster=node.cluster.name, node=node.name, method=self.path, roles=sorted(self.roles),
            secure=self.is_secure, fields=fields(request), outcome=None)
        REQUEST.set(entry)
        dry_run = "?dry-run" if getattr(request, "dry_run", False) else ""
        decisions = node.world.faults.decide(node.cluster.name, node.name, self.path + dry_run)
        if decisions:
            entry["faults"] = [[decision.rule, decision.action] for decision in decisions]
        call = Call(self.roles, stream.metadata, entry, decisions)
        try:
            await self.before(call)
            await self.serve(request, call)
            entry["outcome"] = "OK"
        except Cut:
            entry["outcome"] = entry["outcome"] or "CUT"
            stream._stream.connection._transport.abort()
            await asyncio.get_running_loop().create_future()
        except grpclib.GRPCError as error:
            entry["outcome"] = f"{error.status.name}: {error.message}"
            raise
        except asyncio.CancelledError:
            entry["outcome"] = entry["outcome"] or "CANCELLED"
            raise
        except Exception as error:
            entry["outcome"] = f"DEFECT: {error!r}"
            raise
        finally:
            entry["ended_ms"] = node.world.journal.now()
            node.world.journal.wake()

    async def before(self, call):
        """What strikes before the node knows of the request."""
        for decision in call.decisions:
            if decision.action == "delay":
                await asyncio.sleep(decision.seconds)
            elif decision.action == "hold":
                await decision.removal.wait()
            elif decision.action == "hang" and decision.at == "before":
                await asyncio.get_running_loop().create_future()
            elif decision.action == "cut" and decision.at == "before":
                raise Cut
            elif decision.action == "refuse":
                raise grpclib.GRPCError(decision.status, decision.options.get("message", "injected"))

    async def after(self, call):
        """What strikes when all is done but the answer."""
        for decision in call.decisions:
            if decision.action in ("hang", "cut") and decision.at == "after":
                call.entry["outcome"] = "OK, LOST"
                if decision.action == "cut":
                    raise Cut
                await asyncio.get_running_loop().create_future()
            elif decision.action == "fail":
                raise grpclib.GRPCError(decision.status, decision.options.get("message", "injected"))

    async def serve(self, request, call):
        targets, is_aggregated = self.targets()
        if is_aggregated:
            await self.aggregate(targets, request, call)
            return
        [node] = targets
        self.admit(node)
        if self.method.cardinality.server_streaming:
            async for reply in self.method.function(node, request, call):
                await self.stream.send_message(reply)
            await self.after(call)
        else:
            reply = await self.method.function(node, request, call)
            await self.after(call)
            await self.stream.send_message(reply)

    def targets(self):
        """The nodes that the request is for, and whether their replies are to be put together."""
        one, many = (self.stream.metadata.getall(key, []) for key in ("node", "nodes"))
        if not one and not many:
            return [self.node], False
        if not self.is_secure:
            return [self.node], False
        if len(one) > 1:
            raise invalid("node metadata must be single-valued")
        if many and not self.path.startswith(AGGREGATED):
            raise invalid("one-2-many proxying is not supported")
        return [self.target(address) for address in one or many], not one

    def target(self, address):
        found = self.node.world.node_at(address)
        if found is self.node:
            return found
        if not self.node.is_control_plane:
            raise denied("no request forwarding")
        if not found or not found.is_up or found.config is None:
            raise unavailable(f'connection error: desc = "transport: Error while dialing: dial tcp {address}:50000: '
                              'connect: connection refused"')
        return found

    def admit(self, node):
        """Refuses what this node, in this version and state, does not do for these roles."""
        method = self.method
        if not method or not method.is_in(node.version):
            service, _, name = self.path.strip("/").partition("/")
            if service not in {path.strip("/").partition("/")[0] for path, each in METHODS.items()
                               if each.is_in(node.version)}:
                raise unimplemented(f"unknown service {service}")
            raise unimplemented(f"unknown method {name} for service {service}")
        if node.in_maintenance:
            self.admit_in_maintenance(node)
        elif not self.roles & method.roles:
            raise denied()

    def admit_in_maintenance(self, node):
        method = self.method
        is_read = self.path.startswith("/cosi.resource.State/") or self.path == "/storage.StorageService/Disks"
        if is_read or self.path == "/machine.MachineService/ApplyConfiguration":
            return
        if node.version.line < (1, 13):
            raise unimplemented("API is not implemented in maintenance mode")
        if "os:reader" not in method.roles:
            raise denied()

    async def aggregate(self, targets, request, call):
        """One reply with the messages of all, each with the name of its node."""
        if self.method.cardinality is not Cardinality.UNARY_UNARY:
            for node in targets:
                self.admit(node)
                async for reply in self.method.function(node, request, call):
                    await self.stream.send_message(reply)
            return
        found = []
        for name, node in zip(self.stream.metadata.getall("nodes"), targets):
            try:
                self.admit(node)
                messages = (await self.method.function(node, request, call)).messages
                for message in messages:
                    message.metadata = common.Metadata(hostname=name)
                found += messages
            except grpclib.GRPCError as error:
                kind = self.method.reply_type._type_hint("messages").__args__[0]
                found.append(kind(metadata=common.Metadata(hostname=name, error=error.message or "")))
        await self.after(call)
        await self.stream.send_message(self.method.reply_type(messages=found))


def fields(request):
    """The decoded fields of a request; bytes, which may be secret, as their size and digest."""
    if not isinstance(request, betterproto.Message):
        return {}
    found = {}
    for name in request._betterproto.sorted_field_names:
        try:
            value = getattr(request, name)
        except AttributeError:
            continue  # another of the same oneof is set
        found[name] = plain(value)
    if request._unknown_fields:
        found["unknown fields"] = request._unknown_fields.hex()
    return found


def plain(value):
    if isinstance(value, betterproto.Message):
        return fields(value) if betterproto.serialized_on_wire(value) else None
    if isinstance(value, bytes):
        return {"bytes": len(value), "sha256": hashlib.sha256(value).hexdigest()}
    if isinstance(value, list):
        return [plain(each) for each in value]
    if isinstance(value, betterproto.Enum):
        return value.name or int(value)
    if hasattr(value, "total_seconds"):
        return value.total_seconds()
    return value if isinstance(value, (str, int, float, bool, dict, type(None))) else str(value)


UNARY, STREAM = Cardinality.UNARY_UNARY, Cardinality.UNARY_STREAM
