# SPDX-License-Identifier: Apache-2.0
"""ApplyConfiguration on nodes that have a configuration."""
import unittest

from talos_linux_api.v1_6_0 import machine

from .support import Mode, WorldCase

CONFIG = ("config", "MachineConfigs.config.talos.dev")


class ApplyTests(WorldCase):
    async def asyncSetUp(self):
        await super().asyncSetUp()
        self.cluster_, [self.node] = await self.cluster()
        self.api = self.client(self.node)

    def data(self, **options):
        return self.config(self.cluster_, "controlplane", self.node, **options)

    async def test_nothing_to_do_is_told_in_a_dry_run(self):
        reply = await self.api.apply(self.data(), dry_run=True)
        self.assertTrue(reply.mode_details.startswith("Dry run summary:"))
        self.assertTrue(reply.mode_details.endswith("\nNo changes."))
        self.assertEqual(reply.mode, Mode.NO_REBOOT)

    async def test_a_live_change_is_active_at_once_and_kept(self):
        data = self.data(sysctls={"net.core.somaxconn": "1024"})
        reply = await self.api.apply(data, dry_run=True)
        self.assertIn("Config diff:", reply.mode_details)
        self.assertIn("somaxconn", reply.mode_details)
        reply = await self.api.apply(data)
        self.assertEqual(reply.mode, Mode.NO_REBOOT)
        for name in ("v1alpha1", "persistent"):
            self.assertEqual((await self.api.get(*CONFIG, name)).encode(), data)

    async def test_a_change_that_needs_a_reboot_is_refused_without_one_and_reboots_with_auto(self):
        data = self.data(files=[{"path": "/var/x", "content": "x", "op": "create"}])
        for mode in (Mode.NO_REBOOT, Mode.TRY):
            await self.refused("INVALID_ARGUMENT", self.api.apply(data, mode), "machine.files")
        boot = self.node.boot_id
        reply = await self.api.apply(data)
        self.assertEqual(reply.mode, Mode.REBOOT)
        await self.refused("FAILED_PRECONDITION", self.api.apply(data), "in progress")
        await self.until(lambda: self.node.boot_id != boot and self.node.is_ready)
        self.assertEqual(self.node.config.data, data)

    async def test_a_staged_configuration_is_active_after_a_reboot(self):
        data = self.data(files=[])
        await self.api.apply(data, Mode.STAGED)
        self.assertNotEqual((await self.api.get(*CONFIG, "v1alpha1")).encode(), data)
        self.assertEqual((await self.api.get(*CONFIG, "persistent")).encode(), data)
        boot = self.node.boot_id
        await self.api.machine.reboot(machine.RebootRequest())
        await self.until(lambda: self.node.boot_id != boot and self.node.is_ready)
        self.assertEqual(self.node.config.data, data)

    async def test_try_is_taken_back_unless_another_apply_follows(self):
        before = self.node.config.data
        data = self.data(sysctls={"a": "1"})
        await self.api.apply(data, Mode.TRY, timeout=0.05)
        self.assertEqual(self.node.config.data, data)
        await self.until(lambda: self.node.config.data == before)
        await self.api.apply(data, Mode.TRY, timeout=60)
        await self.api.apply(data, Mode.NO_REBOOT)
        self.assertEqual(self.node.stored.data, data)
        self.assertIsNone(self.node.revert)

    async def test_what_does_not_parse_or_is_not_valid_is_refused(self):
        for data, text in (
                (b"machine: [", "failed to parse config"),
                (b"machine: {tpye: worker}\n", "unknown keys found during decoding:\nmachine.tpye"),
                (self.data() + b"---\nkind: HostnameConfig\nhostname: x\n", "missing apiVersion"),
                (self.data() + b"---\napiVersion: v1alpha1\nkind: VRFConfig\nname: x\n", "not registered"),
                (self.data() + b"---\napiVersion: v1alpha1\nkind: HostnameConfig\n", "duplicate document"),
                (b"apiVersion: v1alpha1\nkind: OOMConfig\n", "doesn't contain v1alpha1 config"),
                (self.data(kubernetes="1.29.0"), "too old to be used with Talos 1.12.3"),
                (self.data(network={"hostname": "x"}), "static hostname is already set")):
            with self.subTest(text):
                await self.refused("INVALID_ARGUMENT", self.api.apply(data), text)
        self.assertEqual(self.changes("config-applied"), [])

    async def test_secrets_do_not_reach_the_journal(self):
        await self.api.apply(self.data(sysctls={"a": "2"}), dry_run=True)
        text = repr(self.world.journal.entries)
        self.assertTrue(self.world.secrets)
        for secret in self.world.secrets:
            self.assertNotIn(secret, text)


if __name__ == "__main__":
    unittest.main()
