# SPDX-License-Identifier: Apache-2.0
"""Upgrades, resets, reboots, and what etcd lets one do."""
import asyncio
import unittest

import grpclib
from betterproto.lib.google.protobuf import Empty
from talos_linux_api.v1_6_0 import common, machine, storage

from talos_simulator import messages

from .support import WorldCase

FACTORY = "factory.talos.dev/metal-installer/" + "ab" * 32
WipeMode = machine.ResetRequestWipeMode


class UpgradeTests(WorldCase):
    async def upgrade(self, node, image, **options):
        return (await self.client(node).machine.upgrade(machine.UpgradeRequest(image=image, **options))).messages[0]

    async def up_again(self, node, boot):
        await self.until(lambda: node.boot_id not in ("", boot) and node.is_ready)

    async def test_a_legacy_upgrade_is_answered_first_and_brings_version_and_schematic(self):
        cluster, nodes = await self.cluster(control_planes=3, kubernetes="model")
        boot = nodes[0].boot_id
        reply = await self.upgrade(nodes[0], FACTORY + ":v1.12.4")
        self.assertEqual(reply.ack, "Upgrade request received")
        self.assertTrue(reply.actor_id)
        await self.up_again(nodes[0], boot)
        self.assertEqual(await self.client(nodes[0]).version(), "v1.12.4")
        self.assertEqual((await self.client(nodes[0]).get("runtime", "ExtensionStatuses.runtime.talos.dev", "0"))
                         ["metadata"], {"name": "schematic", "version": "ab" * 32, "author": "Image Factory",
                                        "description": "Virtual extension which specifies the schematic of the image "
                                                       "built with Image Factory."})
        self.assertEqual(len(cluster.etcd.voters), 3)
        self.assertEqual(self.violations, [])

    async def test_two_members_an_unknown_image_and_too_great_a_step_are_refused_or_come_to_nothing(self):
        _, nodes = await self.cluster(control_planes=2)
        await self.refused("UNKNOWN", self.upgrade(nodes[0], "ghcr.io/siderolabs/installer:v1.12.4"),
                           "etcd member count 2 is insufficient")
        await self.refused("UNKNOWN", self.upgrade(nodes[0], "example.com/nothing:latest"), "not found")

    async def test_the_installer_refuses_a_path_that_is_not_supported(self):
        _, [node] = await self.cluster(version="v1.9.0")
        boot = node.boot_id
        await self.upgrade(node, "ghcr.io/siderolabs/installer:v1.12.4")
        await self.up_again(node, boot)
        self.assertEqual(await self.client(node).version(), "v1.9.0")
        self.assertEqual(self.changes("upgrade-failed")[0]["error"],
                         "host version 1.9.0 is too old to upgrade to Talos 1.12.4")

    async def test_an_upgrade_that_does_not_boot_is_rolled_back(self):
        _, [node] = await self.cluster()
        boot = node.boot_id
        node.conditions.add("upgrade-rolls-back")
        await self.upgrade(node, "ghcr.io/siderolabs/installer:v1.12.4")
        await self.up_again(node, boot)
        self.assertEqual(await self.client(node).version(), "v1.12.3")

    async def test_preserve_decides_about_the_data_up_to_1_7_only(self):
        cluster, nodes = await self.cluster(control_planes=3, version="v1.7.5")
        first = nodes[0].etcd_member.id
        boot = nodes[0].boot_id
        await self.upgrade(nodes[0], "ghcr.io/siderolabs/installer:v1.7.6", preserve=True)
        await self.up_again(nodes[0], boot)
        self.assertEqual(nodes[0].etcd_member.id, first)
        boot = nodes[0].boot_id
        await self.upgrade(nodes[0], "ghcr.io/siderolabs/installer:v1.7.7")
        await self.up_again(nodes[0], boot)
        self.assertNotEqual(nodes[0].etcd_member.id, first)
        self.assertEqual(len(cluster.etcd.members), 3)

    async def test_a_staged_upgrade_happens_in_the_next_boot(self):
        _, [node] = await self.cluster()
        boot = node.boot_id
        await self.upgrade(node, "ghcr.io/siderolabs/installer:v1.12.4", stage=True)
        await self.up_again(node, boot)
        self.assertEqual(await self.client(node).version(), "v1.12.4")
        self.assertTrue(self.changes("upgraded")[0]["staged"])

    async def lifecycle(self, node, image):
        """The new way: pull, install, and nothing more."""
        client = self.client(node)
        instance = messages.ContainerdInstance(namespace=common.ContainerdNamespace.NS_SYSTEM)
        pulled = await client.stream("/machine.ImageService/Pull", messages.ImageServicePullRequest(
            containerd=instance, image_ref=image), messages.ImageServicePullResponse)
        self.assertEqual(pulled[-1].name, image)
        replies = await client.stream("/machine.LifecycleService/Upgrade", messages.LifecycleServiceUpgradeRequest(
            containerd=instance, source=messages.InstallArtifactsSource(image_name=image)),
            messages.LifecycleServiceInstallResponse)
        return replies[-1].progress.exit_code

    async def test_from_1_13_on_the_client_pulls_installs_and_reboots(self):
        _, [node] = await self.cluster(version="v1.13.0")
        image = "ghcr.io/siderolabs/installer:v1.13.1"
        with self.assertRaises(grpclib.GRPCError):
            await self.client(node).stream("/machine.LifecycleService/Upgrade", messages.LifecycleServiceUpgradeRequest(
                source=messages.InstallArtifactsSource(image_name=image)), messages.LifecycleServiceInstallResponse)
        self.assertEqual(await self.lifecycle(node, image), 0)
        self.assertEqual(await self.client(node).version(), "v1.13.0")
        boot = node.boot_id
        await self.client(node).machine.reboot(machine.RebootRequest())
        await self.up_again(node, boot)
        self.assertEqual(await self.client(node).version(), "v1.13.1")
        node.conditions.add("full-disk")
        with self.assertRaises(grpclib.GRPCError):
            await self.lifecycle(node, "ghcr.io/siderolabs/installer:v1.13.2")

    async def test_before_1_13_there_is_no_lifecycle_service(self):
        _, [node] = await self.cluster()
        await self.refused("UNIMPLEMENTED", self.client(node).stream(
            "/machine.LifecycleService/Upgrade", messages.LifecycleServiceUpgradeRequest(),
            messages.LifecycleServiceInstallResponse), "unknown service machine.LifecycleService")

    async def test_an_upgrade_while_another_member_is_down_is_a_violation(self):
        _, nodes = await self.cluster(control_planes=3)
        await nodes[2].power_off("off")
        await self.refused("UNKNOWN", self.upgrade(nodes[0], "ghcr.io/siderolabs/installer:v1.12.4"),
                           "failed to read key")
        self.assertEqual(self.violations, [])
        await self.upgrade(nodes[0], "ghcr.io/siderolabs/installer:v1.12.4", force=True)
        await self.until(lambda: "etcd-quorum" in self.violations)
        self.assertEqual(self.violations, ["upgrade-needs-healthy-etcd", "etcd-quorum"])


class ResetTests(WorldCase):
    async def reset(self, node, **options):
        await self.client(node).machine.reset(machine.ResetRequest(**options))

    async def test_a_graceful_reset_leaves_etcd_and_powers_off(self):
        cluster, nodes = await self.cluster(control_planes=3)
        await self.reset(nodes[2], graceful=True)
        await self.until(lambda: nodes[2].power == "off")
        self.assertEqual(sorted(member.name for member in cluster.etcd.members.values()), ["cp-0", "cp-1"])
        self.assertIsNone(nodes[2].installed)
        self.assertEqual(self.violations, [])

    async def test_a_reset_of_state_and_ephemeral_leads_back_to_maintenance_with_talos_installed(self):
        cluster, nodes = await self.cluster(control_planes=1, workers=1)
        boot = nodes[1].boot_id
        await self.reset(nodes[1], graceful=True, reboot=True, system_partitions_to_wipe=[
            machine.ResetPartitionSpec("STATE", True), machine.ResetPartitionSpec("EPHEMERAL", True)])
        await self.until(lambda: nodes[1].in_maintenance)
        self.assertNotEqual(nodes[1].boot_id, boot)
        self.assertTrue(nodes[1].installed)
        disks = await self.client(nodes[1], None).unary(
            "/storage.StorageService/Disks", Empty(), storage.DisksResponse)
        self.assertTrue(disks.messages[0].disks[0].system_disk)
        await self.client(nodes[1], None).apply(self.config(cluster, "worker", nodes[1]))
        await self.until(lambda: nodes[1].is_ready)
        self.assertEqual(self.changes("installed", nodes[1])[1:], [])

    async def test_combinations_that_make_no_sense_are_refused(self):
        _, [node] = await self.cluster()
        state = [machine.ResetPartitionSpec("STATE", True)]
        await self.refused("INVALID_ARGUMENT", self.reset(
            node, mode=WipeMode.SYSTEM_DISK, user_disks_to_wipe=["/dev/sdb"]))
        await self.refused("INVALID_ARGUMENT", self.reset(
            node, mode=WipeMode.USER_DISKS, system_partitions_to_wipe=state))
        await self.refused("INVALID_ARGUMENT", self.reset(node, user_disks_to_wipe=["/dev/sda"]), "system disk")
        await self.refused("INVALID_ARGUMENT", self.reset(node, user_disks_to_wipe=["/dev/sdx"]), "wasn't found")

    async def test_a_graceful_reset_of_the_last_member_hangs(self):
        _, [node] = await self.cluster()
        await self.reset(node, graceful=True)
        await self.until(lambda: node.stage == "resetting")
        await asyncio.sleep(0.2)
        self.assertEqual(node.stage, "resetting")
        self.assertEqual(await self.client(node).version(), "v1.12.3")

    async def test_a_protected_node_that_is_reset_is_a_violation(self):
        cluster, nodes = await self.cluster(control_planes=1, workers=1)
        cluster.protected.add("worker-1")
        await self.reset(nodes[1])
        self.assertEqual(self.violations, ["reset-of-wrong-node"])


class EtcdTests(WorldCase):
    async def members(self, node):
        reply = await self.client(node).machine.etcd_member_list(machine.EtcdMemberListRequest())
        return {member.hostname: member for member in reply.messages[0].members}

    async def test_without_quorum_nobody_answers_and_with_it_back_all_do(self):
        cluster, nodes = await self.cluster(control_planes=3)
        await nodes[0].power_off("off")
        self.assertEqual(len(await self.members(nodes[1])), 3)
        await nodes[1].power_off("black-hole")
        await self.refused("UNKNOWN", self.members(nodes[2]), "request timed out")
        self.assertFalse(cluster.has_api)
        await self.control.power(nodes[0], "on")
        await self.until(lambda: nodes[0].is_ready)
        self.assertEqual(len(await self.members(nodes[2])), 3)
        # It was the test that pulled the plugs, nobody's request.
        self.assertEqual(self.violations, [])

    async def test_a_dead_member_is_removed_by_its_number(self):
        cluster, nodes = await self.cluster(control_planes=3)
        dead = (await self.members(nodes[0]))["cp-2"].id
        await nodes[2].power_off("off")
        path = "/machine.MachineService/EtcdRemoveMemberByID"
        for number, status in ((dead, None), (dead, "NOT_FOUND")):
            request = self.client(nodes[0]).unary(path, machine.EtcdRemoveMemberByIdRequest(
                member_id=number), machine.EtcdRemoveMemberByIdResponse)
            await (self.refused(status, request) if status else request)
        self.assertEqual(sorted(await self.members(nodes[0])), ["cp-0", "cp-1"])

    async def test_leadership_is_given_away_and_a_member_leaves(self):
        cluster, nodes = await self.cluster(control_planes=3)
        leader = next(node for node in nodes if node.etcd_member.id == cluster.etcd.leader)
        api = self.client(leader).machine
        reply = await api.etcd_forfeit_leadership(machine.EtcdForfeitLeadershipRequest())
        self.assertIn(reply.messages[0].member, {"cp-0", "cp-1", "cp-2"} - {leader.hostname})
        await api.etcd_leave_cluster(machine.EtcdLeaveClusterRequest())
        services = {each.id: each.state for each in (await api.service_list(Empty())).messages[0].services}
        self.assertEqual(services["etcd"], "Finished")
        self.assertEqual(len(cluster.etcd.members), 2)
        self.assertEqual(self.violations, [])

    async def test_a_learner_that_is_stuck_stays_one(self):
        cluster, nodes = await self.cluster(control_planes=2, run=False)
        nodes[1].conditions.add("learner-stuck")
        await self.bootstrap(nodes[0])
        await self.until(lambda: all(node.is_ready for node in nodes))
        self.assertTrue((await self.members(nodes[0]))["cp-1"].is_learner)
        nodes[1].conditions.clear()
        nodes[1].changed()
        await self.until(lambda: len(cluster.etcd.voters) == 2)

    async def test_a_snapshot_brings_a_cluster_back(self):
        cluster, nodes = await self.cluster(control_planes=1)
        data = b"".join([each.bytes async for each in self.client(nodes[0]).machine.etcd_snapshot(
            machine.EtcdSnapshotRequest())])
        status = await self.client(nodes[0]).unary(
            "/machine.MachineService/EtcdStatus", Empty(), messages.EtcdStatusResponse)
        self.assertEqual(status.messages[0].member_status.storage_version, "3.6.0")
        await self.client(nodes[0]).machine.reset(machine.ResetRequest(reboot=True, system_partitions_to_wipe=[
            machine.ResetPartitionSpec("EPHEMERAL", True)]))
        await self.until(lambda: nodes[0].services.get("etcd") == "Preparing" and not nodes[0].etcd_member)
        api = self.client(nodes[0])
        await self.refused("UNKNOWN", api.machine.etcd_recover([common.Data(bytes=b"x" * 40)]), "mismatch")
        await api.machine.etcd_recover([common.Data(bytes=data[:1000]), common.Data(bytes=data[1000:])])
        await api.machine.bootstrap(machine.BootstrapRequest(recover_etcd=True))
        await self.until(lambda: nodes[0].is_ready)
        self.assertTrue(cluster.etcd.is_recovered)
        self.assertEqual(self.violations, [])

    async def test_a_node_without_data_takes_the_place_of_its_former_member(self):
        cluster, nodes = await self.cluster(control_planes=3)
        former = nodes[2].etcd_member.id
        await self.client(nodes[2]).machine.reset(machine.ResetRequest(reboot=True, system_partitions_to_wipe=[
            machine.ResetPartitionSpec("EPHEMERAL", True)]))
        await self.until(lambda: nodes[2].etcd_member and nodes[2].etcd_member.id != former and nodes[2].is_ready)
        self.assertNotIn(former, cluster.etcd.members)
        await self.until(lambda: len(cluster.etcd.voters) == 3)
        self.assertEqual(self.violations, [])

    async def test_two_control_planes_down_on_request_are_a_violation(self):
        _, nodes = await self.cluster(control_planes=5)
        await self.client(nodes[0]).machine.reboot(machine.RebootRequest())
        await self.client(nodes[1]).machine.reboot(machine.RebootRequest())
        await self.until(lambda: self.violations)
        self.assertEqual(set(self.violations), {"one-control-plane-down"})


if __name__ == "__main__":
    unittest.main()
