# SPDX-License-Identifier: Apache-2.0
"""What a node does when it is told to reboot, upgrade, reset or shut down. Each takes over from what it was doing."""
from . import boot, node_services, versions


async def stop(node, stage):
    """Ends all services in order; the API goes last."""
    node.set_stage(stage)
    await node.world.step("stop")
    if node.services.get("kubelet"):
        node.set_service("kubelet", "Finished")
    node.has_static_pods = False
    if node.etcd_is_running:
        node.etcd_is_running = False
        node.cluster.going_down(node)
        node.set_service("etcd", "Finished")
        node.cluster.changed()
    node.events.task("stopAllServices", 0)


async def drain(node):
    """What the node itself does before an upgrade or a graceful reset; failures are only logged."""
    if not node.config or node.config.get("machine", "kubelet", "skipNodeRegistration"):
        return
    node.events.task("cordonAndDrainNode", 0)
    if node.cluster.kubernetes:
        await node.cluster.kubernetes.drain(node)
    await node.world.step("drain")
    node.events.task("cordonAndDrainNode", 1)


async def reboot(node):
    node.events.sequence("reboot", 1)
    await stop(node, "rebooting")
    await node.world.step("shutdown")
    node.down("reboot")
    await boot.life(node)


async def shut_down(node, is_forced=False):
    node.events.sequence("shutdown", 1)
    node.set_stage("shutting down")
    if not is_forced:
        await drain(node)
    await stop(node, "shutting down")
    await node.world.step("shutdown")
    node.down("shutdown")
    node.power = "off"


async def upgrade(node, image, *, stage, leave_etcd):
    """The legacy upgrade, after its request has been answered."""
    world = node.world
    node.events.sequence("stageUpgrade" if stage else "upgrade", 1)
    node.set_stage("upgrading")
    if stage:
        node.staged_upgrade = image
        await stop(node, "upgrading")
        node.set_stage("rebooting")
        node.down("staged upgrade")
        await boot.life(node)
        return
    await drain(node)
    if leave_etcd and node.is_control_plane:
        await node_services.leave_etcd(node)
    await stop(node, "upgrading")
    await world.step("upgrade")
    run_installer(node, image)
    node.set_stage("rebooting")
    await world.step("shutdown")
    node.down("upgrade")
    await boot.life(node)


def run_installer(node, image):
    """Puts the image's version onto the disk; returns why that did not work, or None."""
    installed = versions.installer(image)
    if not installed:
        problem = f"{image} is no installer"
    else:
        problem = versions.upgrade_problem(node.version, installed.version)
    if "upgrade-fails" in node.conditions:
        problem = "the installer failed"
    if "full-disk" in node.conditions:
        problem = "no space left on device"
    if problem:
        node.world.journal.change(node, "upgrade-failed", image=image, error=problem)
        node.events.sequence("upgrade", 0, problem)
        return problem
    node.installed, node.previous = installed, node.installed
    node.world.journal.change(node, "upgraded", version=installed.tag, schematic=installed.schematic, staged=False)
    return None


async def reset(node, *, graceful, reboot, labels, mode, user_disks):
    """Wipes what the request names: without labels the whole system disk."""
    node.events.sequence("reset", 1)
    node.set_stage("resetting")
    if graceful:
        await drain(node)
        if node.is_control_plane:
            await node_services.leave_etcd(node)
    await stop(node, "resetting")
    node.events.task("stopAllServices", 1)
    await node.world.step("reset")
    wipes_system = mode != "USER_DISKS"
    if wipes_system and (not labels or "EPHEMERAL" in labels):
        node.wipe_etcd()
    if wipes_system and (not labels or "STATE" in labels):
        node.stored = None
    if wipes_system and not labels:
        node.installed = node.previous = None
    node.world.journal.change(node, "reset", graceful=graceful, reboot=reboot, labels=labels, mode=mode)
    node.down("reset")
    if not reboot:
        node.power = "off"
        return
    await boot.life(node)
