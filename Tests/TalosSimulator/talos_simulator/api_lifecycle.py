# SPDX-License-Identifier: Apache-2.0
"""Reboot, shutdown, upgrade, rollback, reset, and the images they need. Each is answered before it happens."""
from talos_linux_api.v1_6_0 import machine

from . import events, messages, sequences, versions
from .dispatch import ADMIN, OPERATOR, STREAM, rpc
from .errors import exists, invalid, precondition, unknown
from .world import REQUEST

MACHINE = "/machine.MachineService/"
WipeMode = machine.ResetRequestWipeMode
LABELS = {"EFI", "BIOS", "BOOT", "META", "STATE", "EPHEMERAL"}


def soon(node, function, *arguments, **options):
    """Starts a sequence after the answer; returns the name that its events carry."""
    node.events.actor = actor = events.actor(node.world.random)
    node.soon(function, *arguments, **options)
    return actor


@rpc(MACHINE + "Reboot", roles=OPERATOR)
async def reboot(node, request, call):
    return machine.RebootResponse(messages=[machine.Reboot(actor_id=soon(node, node.reboot))])


@rpc(MACHINE + "Shutdown", roles=OPERATOR)
async def shutdown(node, request, call):
    return machine.ShutdownResponse(messages=[machine.Shutdown(actor_id=soon(node, node.shut_down))])


@rpc(MACHINE + "Rollback", roles=ADMIN)
async def rollback(node, request, call):
    if not node.previous:
        raise unknown("failed to revert bootloader: cannot rollback to \"B\", label does not exist")
    node.installed, node.previous = node.previous, node.installed
    node.world.journal.change(node, "rollback", version=node.installed.tag)
    soon(node, node.reboot)
    return machine.RollbackResponse(messages=[machine.Rollback()])


def check_image(node, image):
    installed = versions.installer(image)
    if not installed or "image-missing" in node.conditions:
        raise unknown(f'error validating installer image "{image}": failed to pull image "{image}": '
                      f'failed to resolve reference "{image}": {image}: not found')
    return installed


def watch_upgrade(node):
    """An upgrade of a control plane while its etcd is not healthy is a mistake of whoever asked for it."""
    etcd = node.etcd
    if not node.is_control_plane or not etcd or len(etcd.members) == 1:
        return
    ill = [f"{member.name or member.id} is no living voter" for member in etcd.members.values()
           if not member.is_alive or member.is_learner]
    ill += [f"{member.name} has alarm {alarm}" for member in etcd.members.values() for alarm in member.alarms]
    if ill:
        node.cluster.accuse("upgrade-needs-healthy-etcd", f"{node.name} is upgraded while " + ", ".join(ill),
                            [REQUEST.get()])


@rpc(MACHINE + "Upgrade", roles=ADMIN)
async def upgrade(node, request, call):
    if not node.installed:
        raise precondition("cannot upgrade: Talos is not installed")
    check_image(node, request.image)
    await node.world.step("pull")
    line = node.version.line
    # Up to 1.7 the data is thrown away unless told otherwise; from 1.12 on "preserve" means "do not look at etcd".
    leaves_etcd = line <= (1, 7) and not request.preserve and node.is_control_plane
    is_forced = request.force or (line >= (1, 12) and request.preserve)
    if node.is_control_plane and not is_forced:
        problem = node.etcd.upgrade_problem(node) if node.etcd else \
            "failed to create etcd client: context deadline exceeded"
        if not problem and leaves_etcd and len(node.etcd.members) == 1:
            problem = ("error validating etcd for upgrade: cannot upgrade the only member of the cluster without "
                       "preserving its data")
        if problem:
            raise unknown(problem)
    watch_upgrade(node)
    actor = soon(node, node.upgrade, request.image, stage=request.stage, leave_etcd=leaves_etcd)
    return machine.UpgradeResponse(messages=[machine.Upgrade(ack="Upgrade request received", actor_id=actor)])


@rpc(MACHINE + "Reset", roles=ADMIN)
async def reset(node, request, call):
    mode = WipeMode(request.mode)
    labels = []
    for spec in request.system_partitions_to_wipe:
        if spec.label not in LABELS:
            raise unknown(f'label "{spec.label}" is not supported')
        if spec.wipe:
            labels.append(spec.label)
    if request.user_disks_to_wipe:
        check_user_disks(node, request.user_disks_to_wipe, mode)
    if request.system_partitions_to_wipe and mode is WipeMode.USER_DISKS:
        raise invalid("reset failed: invalid input, wipe mode USER_DISKS doesn't support SystemPartitionsToWipe "
                      "parameter")
    if node.name in node.cluster.protected:
        node.cluster.accuse("reset-of-wrong-node", f"{node.name} is protected, and is reset", [REQUEST.get()])
    actor = soon(node, node.reset, graceful=request.graceful, reboot=request.reboot, labels=labels, mode=mode.name,
                 user_disks=list(request.user_disks_to_wipe))
    return machine.ResetResponse(messages=[machine.Reset(actor_id=actor)])


def check_user_disks(node, names, mode):
    if mode is WipeMode.SYSTEM_DISK:
        raise invalid("reset failed: invalid input, wipe mode SYSTEM_DISK doesn't support UserDisksToWipe parameter")
    known = {disk["device_name"]: disk for disk in node.disks}
    for name in names:
        if name not in known:
            raise invalid(f"reset user disk failed: device {name} wasn't found")
        if known[name]["readonly"]:
            raise invalid(f"reset user disk failed: device {name} is readonly")
        if node.installed and name == node.disks[0]["device_name"]:
            raise invalid(f"reset user disk failed: device {name} is the system disk")


# -- images

@rpc(MACHINE + "ImagePull", roles=OPERATOR)
async def image_pull(node, request, call):
    await pull(node, request.reference)
    return machine.ImagePullResponse(messages=[machine.ImagePull()])


async def pull(node, reference):
    if "image-missing" in node.conditions or not versions.image_tag(reference) and "@" not in reference:
        raise unknown(f'failed to pull image "{reference}": failed to resolve reference "{reference}": '
                      f'{reference}: not found')
    if "full-disk" in node.conditions:
        raise unknown(f'failed to pull image "{reference}": failed to copy: no space left on device')
    await node.world.step("pull")
    node.pulled.add(reference)


@rpc("/machine.ImageService/Pull", roles=OPERATOR, since=(1, 13),
     types=(STREAM, messages.ImageServicePullRequest, messages.ImageServicePullResponse))
async def image_service_pull(node, request, call):
    for status, offset in ((1, 0), (1, 50 << 20)):
        yield messages.ImageServicePullResponse(pull_progress=messages.ImageServicePullProgress(
            layer_id="sha256:layer", progress=messages.ImageServicePullLayer(
                status=status, offset=offset, total=100 << 20)))
    await pull(node, request.image_ref)
    yield messages.ImageServicePullResponse(name=request.image_ref)


# -- the lifecycle service: nothing but the installer

def progress(**options):
    return messages.LifecycleServiceInstallResponse(progress=messages.LifecycleServiceInstallProgress(**options))


def check_source(node, request):
    image = request.source.image_name
    if not image:
        raise invalid("image name is required")
    if image not in node.pulled:
        raise unknown(f'failed to get image "{image}": image "{image}": not found')
    return image


@rpc("/machine.LifecycleService/Upgrade", roles=ADMIN, since=(1, 13),
     types=(STREAM, messages.LifecycleServiceUpgradeRequest, messages.LifecycleServiceInstallResponse))
async def lifecycle_upgrade(node, request, call):
    if not node.installed:
        raise precondition("Talos is not installed")
    image = check_source(node, request)
    if node.lifecycle_lock:
        raise precondition("another lifecycle operation is in progress")
    node.lifecycle_lock = True
    watch_upgrade(node)
    try:
        yield progress(message=f"running installer {image}")
        await node.world.step("upgrade")
        codes = [decision.options.get("code", 1) for decision in call.decided("exit")]
        if codes:
            yield progress(message="installer failed")
            yield progress(exit_code=codes[0])
            return
        problem = sequences.run_installer(node, image)
        yield progress(message=problem or "installation completed")
        yield progress(exit_code=1 if problem else 0)
    finally:
        node.lifecycle_lock = False


@rpc("/machine.LifecycleService/Install", roles=ADMIN, since=(1, 13),
     types=(STREAM, messages.LifecycleServiceInstallRequest, messages.LifecycleServiceInstallResponse))
async def lifecycle_install(node, request, call):
    if node.installed:
        raise exists("Talos is already installed")
    if not request.destination.disk:
        raise invalid("destination disk is required")
    image = check_source(node, request)
    yield progress(message=f"running installer {image}")
    await node.world.step("install")
    node.installed = versions.installer(image)
    yield progress(exit_code=0)
