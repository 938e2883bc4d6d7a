# SPDX-License-Identifier: Apache-2.0
"""What goes wrong on demand."""
import asyncio
import ssl
import unittest

import grpclib
from betterproto.lib.google.protobuf import Empty
from talos_linux_api.v1_6_0 import machine

from talos_simulator import messages

from .support import WorldCase


class FaultTests(WorldCase):
    def fault(self, method, **action):
        return self.world.faults.add({"match": {"method": method, "last": 1}, "action": action})

    async def test_a_lost_reply_has_had_its_effect_or_not(self):
        for at, bootstrapped in (("before", False), ("after", True)):
            with self.subTest(at):
                self.secrets = type(self.secrets)(at)
                cluster, [node] = await self.cluster(at, run=False)
                await self.until(lambda: node.services.get("etcd") == "Preparing")
                self.fault("Bootstrap", do="cut", at=at)
                with self.assertRaises((grpclib.exceptions.StreamTerminatedError, OSError)):
                    await self.client(node).machine.bootstrap(machine.BootstrapRequest())
                self.assertEqual(bool(node.etcd_member), bootstrapped)
                [entry] = [each for each in self.world.journal.entries if each["kind"] == "request"
                           and each["method"].endswith("Bootstrap") and each["cluster"] == at]
                self.assertEqual(entry["outcome"], "OK, LOST" if bootstrapped else "CUT")

    async def test_a_request_is_refused_delayed_or_never_answered(self):
        _, [node] = await self.cluster()
        self.fault("Hostname", do="refuse", code="UNAVAILABLE", message="no")
        client = self.client(node)
        await self.refused("UNAVAILABLE", client.machine.hostname(Empty()), "no")
        self.assertEqual((await client.machine.hostname(Empty())).messages[0].hostname, "cp-0")
        self.fault("Version", do="hang")
        with self.assertRaises(asyncio.TimeoutError):
            await asyncio.wait_for(client.version(), 0.1)
        self.fault("Version", do="delay", from_ms=50)
        self.assertEqual(await client.version(), "v1.12.3")

    async def test_a_request_is_held_until_its_rule_is_gone(self):
        _, [node] = await self.cluster()
        client, book = self.client(node), self.world.faults
        for let_go in (lambda: book.remove(rule), book.clear):
            rule = self.fault("Version", do="hold")
            held = asyncio.create_task(client.version())
            await self.until(lambda: book.rules[rule].ordinal == 1)
            self.assertEqual((await client.machine.hostname(Empty())).messages[0].hostname, "cp-0")
            self.assertFalse(held.done())
            let_go()
            self.assertEqual(await asyncio.wait_for(held, 10), "v1.12.3")

    async def test_a_fault_of_changes_spares_dry_runs(self):
        _, [node] = await self.cluster()
        self.fault("ApplyConfiguration$", do="refuse", code="UNAVAILABLE", message="no")
        client = self.client(node)
        await client.apply(node.config.data, dry_run=True)
        await self.refused("UNAVAILABLE", client.apply(node.config.data), "no")

    async def test_a_node_that_reboots_refuses_connections(self):
        _, [node] = await self.cluster()
        self.world.steps["firmware"] = 100
        await self.client(node).machine.reboot(machine.RebootRequest())
        await self.until(lambda: not node.is_up)
        with self.assertRaises(ConnectionRefusedError):
            await asyncio.open_connection(node.address, self.world.port)

    async def test_a_black_hole_takes_connections_and_says_nothing(self):
        _, [node] = await self.cluster()
        await node.power_off("black-hole")
        with self.assertRaises(asyncio.TimeoutError):
            await asyncio.wait_for(self.client(node).version(), 0.1)

    async def test_a_clock_that_is_wrong_makes_certificates_invalid(self):
        _, [node] = await self.cluster()
        node.clock_skew = type(node.clock_skew)(days=-2)
        with self.assertRaises((grpclib.exceptions.StreamTerminatedError, ssl.SSLError, OSError)):
            await self.client(node).version()
        self.assertTrue([each for each in self.world.journal.entries if each["kind"] == "refused"])

    async def test_the_time_has_to_be_in_sync_for_a_bootstrap(self):
        _, [node] = await self.cluster(run=False)
        node.conditions.add("time-not-in-sync")
        await self.until(lambda: node.services.get("etcd") == "Preparing")
        await self.refused("FAILED_PRECONDITION", self.client(node).machine.bootstrap(machine.BootstrapRequest()),
                           "time is not in sync yet")


class WatchTests(WorldCase):
    KIND = "MachineStatuses.runtime.talos.dev"

    async def take(self, stream, count):
        """The next responses of a watch."""
        return [await asyncio.wait_for(anext(stream), 10) for _ in range(count)]

    async def test_a_watch_of_one_resource_begins_with_what_it_is(self):
        _, [node] = await self.cluster(run=False)
        await self.until(lambda: node.services.get("etcd") == "Preparing")
        path = "/cosi.resource.State/Watch"
        stream = self.client(node).follow(path, messages.WatchRequest(
            namespace="runtime", type=self.KIND.lower(), id="machine", api_version=1), messages.WatchResponse)
        empty, first = await self.take(stream, 2)
        self.assertEqual(empty.event, [])
        self.assertEqual(first.event[0].event_type, messages.EventType.CREATED)
        await self.bootstrap(node)
        stages = ""
        while "running" not in stages:
            [response] = await self.take(stream, 1)
            stages = response.event[0].resource.spec.yaml_spec
            self.assertEqual(response.event[0].event_type, messages.EventType.UPDATED)
            self.assertTrue(response.event[0].old.metadata.version)

    async def test_a_watch_of_what_is_not_there_begins_with_a_tombstone(self):
        _, [node] = await self.cluster(run=False)
        await self.until(lambda: node.services.get("apid") == "Running")
        stream = self.client(node).follow("/cosi.resource.State/Watch", messages.WatchRequest(
            namespace="runtime", type="Services.v1alpha1.talos.dev", id="etcd"), messages.WatchResponse)
        _, first = await self.take(stream, 2)
        self.assertEqual(first.event[0].event_type, messages.EventType.DESTROYED)
        self.assertEqual(first.event[0].resource.spec.yaml_spec, "")

    async def test_a_watch_of_a_kind_tells_when_it_has_told_all(self):
        _, [node] = await self.cluster()
        client = self.client(node)
        options = messages.WatchOptions(bootstrap_contents=True)
        for api_version, last in ((1, messages.EventType.BOOTSTRAPPED), (0, messages.EventType.CREATED)):
            stream = client.follow("/cosi.resource.State/Watch", messages.WatchRequest(
                namespace="runtime", type="Services.v1alpha1.talos.dev", options=options, api_version=api_version),
                messages.WatchResponse)
            responses = await self.take(stream, 1 + len(node.services) + api_version)
            self.assertEqual(responses[-1].event[0].event_type, last)
        with self.assertRaises(grpclib.GRPCError):
            await client.stream("/cosi.resource.State/Watch", messages.WatchRequest(
                namespace="runtime", type=self.KIND, id="machine", options=options), messages.WatchResponse)

    async def test_what_is_not_there_or_not_known(self):
        _, [node] = await self.cluster()
        client = self.client(node)
        await self.refused("NOT_FOUND", client.get("runtime", "Services.v1alpha1.talos.dev", "nothing"))
        await self.refused("PERMISSION_DENIED", client.get("runtime", "Nothings.talos.dev", "x"))
        await self.refused("PERMISSION_DENIED", client.get("nowhere", self.KIND, "machine"))

    async def test_events_of_a_reboot_carry_the_name_of_the_action(self):
        _, [node] = await self.cluster()
        reply = await self.client(node).machine.reboot(machine.RebootRequest())
        actor = reply.messages[0].actor_id
        stream = self.client(node).machine.events(machine.EventsRequest(with_actor_id=actor, tail_events=-1))
        event = await asyncio.wait_for(anext(stream), 10)
        self.assertEqual(event.data.type_url, "talos/runtime/machine.SequenceEvent")

    async def test_requests_are_passed_on_to_other_nodes(self):
        _, nodes = await self.cluster(control_planes=2, workers=1)
        client = self.client(nodes[0])
        path = "/machine.MachineService/Hostname"
        reply = await client.unary(path, Empty(), machine.HostnameResponse, {"node": nodes[2].address})
        self.assertEqual(reply.messages[0].hostname, "worker-2")
        both = [("nodes", nodes[1].address), ("nodes", nodes[2].address)]
        reply = await client.unary(path, Empty(), machine.HostnameResponse, both)
        self.assertEqual([(each.metadata.hostname, each.hostname) for each in reply.messages],
                         [(nodes[1].address, "cp-1"), (nodes[2].address, "worker-2")])
        await self.refused("PERMISSION_DENIED", self.client(nodes[2]).unary(
            path, Empty(), machine.HostnameResponse, {"node": nodes[0].address}), "no request forwarding")
        await self.refused("INVALID_ARGUMENT", client.unary(
            path, Empty(), machine.HostnameResponse, [("node", "a"), ("node", "b")]), "single-valued")


if __name__ == "__main__":
    unittest.main()
