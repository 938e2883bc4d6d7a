# SPDX-License-Identifier: Apache-2.0
"""From maintenance mode to a running cluster."""
import unittest

from betterproto.lib.google.protobuf import Empty
from talos_linux_api.v1_6_0 import machine

from .support import Mode, WorldCase

STATUS = ("runtime", "MachineStatuses.runtime.talos.dev", "machine")


class CreateTests(WorldCase):
    async def test_a_node_in_maintenance_mode_shows_its_stage_and_little_else(self):
        cluster = await self.control.add_cluster("demo")
        node = self.control.add_node(cluster)
        await self.until(lambda: node.in_maintenance)
        client = self.client(node, None)
        self.assertEqual(await client.get(*STATUS), {"stage": "maintenance", "status": {
            "ready": True, "unmetConditions": []}})
        await self.refused("UNIMPLEMENTED", client.version(), "API is not implemented in maintenance mode")

    async def test_one_control_plane_from_nothing_to_running(self):
        cluster, [node] = await self.cluster(run=False)
        await self.until(lambda: node.services.get("etcd") == "Preparing")
        client = self.client(node)
        self.assertEqual(await client.version(), "v1.12.3")
        status = await client.get(*STATUS)
        self.assertEqual(status["stage"], "booting")
        self.assertIn("etcd not running", status["status"]["unmetConditions"][0]["reason"])
        await self.bootstrap(node)
        await self.until(lambda: node.is_ready)
        self.assertEqual(await client.get(*STATUS), {"stage": "running", "status": {
            "ready": True, "unmetConditions": []}})
        await self.refused("ALREADY_EXISTS", client.machine.bootstrap(machine.BootstrapRequest()),
                           "etcd data directory is not empty")
        self.assertEqual(self.violations, [])

    async def test_three_control_planes_and_two_workers(self):
        cluster, nodes = await self.cluster(control_planes=3, workers=2)
        client = self.client(nodes[1])
        members = (await client.machine.etcd_member_list(machine.EtcdMemberListRequest())).messages[0].members
        self.assertEqual(sorted(member.hostname for member in members), ["cp-0", "cp-1", "cp-2"])
        self.assertTrue(all(member.id > 1 << 62 for member in members))
        services = (await self.client(nodes[4]).machine.service_list(Empty())).messages[0].services
        self.assertNotIn("etcd", [service.id for service in services])
        self.assertEqual(self.violations, [])

    async def test_a_client_without_certificate_or_with_one_of_another_authority_does_not_get_in(self):
        _, [node] = await self.cluster()
        with self.assertRaises(Exception):
            await self.client(node, None).version()
        self.secrets = type(self.secrets)()
        with self.assertRaises(Exception):
            await self.client(node).version()

    async def test_roles_decide_what_one_may_do(self):
        _, [node] = await self.cluster()
        client = self.client(node, ["os:reader"])
        self.assertEqual(await client.version(), "v1.12.3")
        await self.refused("PERMISSION_DENIED", client.machine.reboot(machine.RebootRequest()), "not authorized")
        await self.refused("PERMISSION_DENIED", client.get("config", "MachineConfigs.config.talos.dev", "v1alpha1"))

    async def test_from_1_13_on_maintenance_mode_is_a_reader_of_the_usual_api(self):
        cluster = await self.control.add_cluster("demo")
        node = self.control.add_node(cluster, version="v1.13.0")
        await self.until(lambda: node.in_maintenance)
        client = self.client(node, None)
        self.assertEqual(await client.version(), "v1.13.0")
        await self.refused("PERMISSION_DENIED", client.machine.reboot(machine.RebootRequest()), "not authorized")
        data = self.config(cluster, "controlplane", node)
        self.assertIn("Config diff:", (await client.apply(data, dry_run=True)).mode_details)
        self.world.steps["install"] = 1000
        reply = await client.apply(data, Mode.REBOOT)
        self.assertEqual(reply.mode, Mode.NO_REBOOT)
        # A control plane can be asked while it installs, and has yet to become one that can be bootstrapped.
        await self.until(lambda: node.stage == "installing" and node.listener.server)
        self.assertEqual((await self.client(node).get(*STATUS))["stage"], "installing")
        await self.refused("FAILED_PRECONDITION", self.client(node).machine.bootstrap(machine.BootstrapRequest()),
                           "bootstrap is not available yet")

    async def test_a_node_that_is_no_member_yet_tells_the_members_there_are(self):
        _, nodes = await self.cluster(control_planes=2, run=False)
        self.world.steps["join"] = self.world.steps["promote"] = 10000
        await self.bootstrap(nodes[0])
        await self.until(lambda: nodes[0].is_ready and nodes[1].etcd_member)
        client = self.client(nodes[1])
        members = (await client.machine.etcd_member_list(machine.EtcdMemberListRequest())).messages[0].members
        self.assertEqual([member.hostname for member in members], ["cp-0", ""])
        await self.refused("DEADLINE_EXCEEDED", client.machine.etcd_member_list(
            machine.EtcdMemberListRequest(query_local=True)))

    async def test_a_second_bootstrap_on_another_node_is_a_violation(self):
        _, nodes = await self.cluster(control_planes=2, run=False)
        await self.until(lambda: all(node.services.get("etcd") == "Preparing" for node in nodes))
        # The first etcd takes so long to come up that the second node does not join it.
        self.world.steps["etcd"] = 10000
        await self.client(nodes[0]).machine.bootstrap(machine.BootstrapRequest())
        await self.client(nodes[1]).machine.bootstrap(machine.BootstrapRequest())
        self.assertEqual(self.violations, ["bootstrap-once"])

    async def test_apply_in_maintenance_refuses_the_modes_that_version_does_not_have(self):
        for version, mode, status in (("v1.9.0", Mode.STAGED, "UNIMPLEMENTED"), ("v1.12.0", Mode.NO_REBOOT,
                                                                                "UNIMPLEMENTED")):
            with self.subTest(version):
                cluster = await self.control.add_cluster(version)
                node = self.control.add_node(cluster, version=version)
                await self.until(lambda: node.in_maintenance)
                data = self.config(cluster, "controlplane", node, kubernetes="1.31.0")
                await self.refused(status, self.client(node, None).apply(data, mode))


if __name__ == "__main__":
    unittest.main()
