# SPDX-License-Identifier: Apache-2.0
"""How a machine comes up: to maintenance mode, through the installer, or to a running node."""
import uuid

from . import versions
from .node_services import run_etcd, start_static_pods

SERVICES = ("udevd", "syslogd", "containerd", "machined")


async def life(node):
    """From power on until it runs; every reboot on the way is one more boot."""
    while True:
        if await boot(node):
            return


async def boot(node):
    """One boot. False if it ended in a reboot, True if the node stays as it is."""
    world = node.world
    await world.step("firmware")
    node.boot_id = str(uuid.UUID(int=world.random.getrandbits(128), version=4))
    node.is_up = True
    node.running = node.installed or node.media
    node.set_stage("booting")
    if node.staged_upgrade and await staged_upgrade(node):
        return False
    if node.installed and "upgrade-rolls-back" in node.conditions and node.previous:
        await world.step("boot")
        world.journal.change(node, "rolled-back", version=node.installed.tag, to=node.previous.tag)
        node.installed, node.previous = node.previous, None
        node.conditions.discard("upgrade-rolls-back")
        node.down("rollback")
        return False
    if "boot-hangs" in node.conditions:
        return True
    node.config = node.stored
    if not node.config:
        await maintenance(node)
    if not node.installed:
        await install(node)
        return False
    await services(node)
    return True


async def maintenance(node):
    """Waits for a configuration, which `node.stored` then is."""
    for name in SERVICES:
        node.set_service(name, "Running")
    await node.listener.open_insecurely()
    node.events.task("runningMaintenance", 0)
    node.set_stage("maintenance")
    await node.signal.until(lambda: node.stored is not None and node.stored.is_complete)
    await node.world.step("apid")
    node.events.task("runningMaintenance", 1)
    node.listener.close()
    node.config = node.stored
    node.set_stage("booting")


async def install(node):
    """Installs what the configuration names, and reboots; what goes wrong is seen on the console alone."""
    node.set_stage("installing")
    # The API of older versions starts with the services, after the reboot.
    if node.version.line >= (1, 13) and node.is_control_plane:
        await node.listener.open_securely()
    await node.world.step("install")
    image = node.config.get("machine", "install", "image")
    installed = versions.installer(image) if image else node.media
    problem = install_problem(node, installed, image)
    if problem:
        node.world.journal.change(node, "install-failed", error=problem)
        node.events.sequence("install", 0, problem)
        node.stored = None
    else:
        node.installed, node.previous = installed, None
        node.conditions.discard("disk-not-empty")
        node.world.journal.change(node, "installed", version=installed.tag, schematic=installed.schematic)
    node.set_stage("rebooting")
    node.down("installed")


def install_problem(node, installed, image):
    disk = node.config.get("machine", "install", "disk")
    if not installed or "image-missing" in node.conditions:
        return f"failed to pull installer image {image!r}: not found"
    if disk and disk not in [each["device_name"] for each in node.disks]:
        return f"error checking for install disk: disk {disk} not found"
    if "full-disk" in node.conditions:
        return "no space left on device"
    if "disk-not-empty" in node.conditions and not node.config.get("machine", "install", "wipe", default=False):
        return f"install disk {disk} is not empty, and wipe is not set"
    return None


async def staged_upgrade(node):
    """Runs the installer early in the boot; True if it worked, and the node boots again."""
    image, node.staged_upgrade = node.staged_upgrade, None
    node.set_stage("upgrading")
    await node.world.step("upgrade")
    installed = versions.installer(image)
    if not installed or versions.upgrade_problem(node.version, installed.version) or node.conditions & {
            "upgrade-fails", "full-disk"}:
        node.world.journal.change(node, "upgrade-failed", image=image)
        node.set_stage("booting")
        return False
    node.installed, node.previous = installed, node.installed
    node.world.journal.change(node, "upgraded", version=installed.tag, schematic=installed.schematic, staged=True)
    node.set_stage("rebooting")
    node.down("upgraded")
    return True


async def services(node):
    """The boot sequence of a configured node, until all its services are up."""
    world, cluster = node.world, node.cluster
    node.events.sequence("boot", 1)
    await world.step("boot")
    for name in SERVICES:
        node.set_service(name, "Running")
    if node.is_control_plane:
        node.set_service("trustd", "Running")
        cluster.changed()
    else:
        # A worker gets the certificate of its API from a control plane.
        node.set_service("apid", "Waiting", "waiting for api certificates")
        await cluster.signal.until(lambda: cluster.has_trustd)
    await world.step("apid")
    await node.listener.open_securely()
    node.set_service("apid", "Running")
    if node.is_control_plane:
        node.set_service("etcd", "Waiting", 'Waiting for service "cri" to be "up"')
    await world.step("cri")
    node.is_cri_up = True
    node.set_service("cri", "Running")
    await world.step("kubelet")
    node.kubelet_version = versions.image_tag(node.config.get("machine", "kubelet", "image")) or "v1.30.0"
    node.set_service("kubelet", "Running")
    if node.is_control_plane:
        await run_etcd(node)
    node.events.sequence("boot", 2)
    node.set_stage("running")
    node.events.machine_status()
    if node.is_control_plane:
        await start_static_pods(node)
    node.down_because = None
    node.tell_kubernetes()
    node.changed()
