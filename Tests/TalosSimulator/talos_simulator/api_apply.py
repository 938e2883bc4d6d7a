# SPDX-License-Identifier: Apache-2.0
"""ApplyConfiguration: in maintenance mode, and on a node that has a configuration."""
import asyncio

from talos_linux_api.v1_6_0 import machine

from . import config as configs
from .dispatch import ADMIN, rpc
from .errors import invalid, precondition, unimplemented
from .node_services import settings_changed

Mode = machine.ApplyConfigurationRequestMode
DETAILS = {
    Mode.REBOOT: "Applied configuration with a reboot",
    Mode.NO_REBOOT: "Applied configuration without a reboot",
    Mode.STAGED: "Staged configuration to be applied after the next reboot",
}


def reply(mode, details="", warnings=()):
    return machine.ApplyConfigurationResponse(messages=[machine.ApplyConfiguration(
        mode=mode, mode_details=details, warnings=list(warnings))])


@rpc("/machine.MachineService/ApplyConfiguration", roles=ADMIN)
async def apply_configuration(node, request, call):
    if node.in_maintenance:
        return apply_in_maintenance(node, request)
    if node.config is None:
        raise precondition("the node is not ready for a configuration")
    if node.apply_lock and node.version.line >= (1, 12):
        raise precondition(f"another apply operation is in progress: {node.apply_lock}")
    node.apply_lock = "apply configuration"
    try:
        return await apply(node, request)
    finally:
        if node.apply_lock == "apply configuration":
            node.apply_lock = ""


def read(node, request):
    new = configs.parse(request.data, node.version)
    node.world.secrets.update(new.secrets())
    return new


def apply_in_maintenance(node, request):
    if node.version.line < (1, 13) and request.mode not in (Mode.REBOOT, Mode.AUTO, Mode.TRY):
        raise unimplemented(f"apply configuration --mode='{mode_name(request.mode)}' is not supported in maintenance "
                            "mode")
    new = read(node, request)
    if not new.is_complete and node.version.line < (1, 13):
        raise invalid("the applied machine configuration doesn't contain v1alpha1 config")
    if new.is_complete:
        configs.validate(new, node.version, is_installed=bool(node.installed), disks=node.disks)
    mode = request.mode
    if node.version.line >= (1, 13) and mode in (Mode.REBOOT, Mode.AUTO):
        mode = Mode.NO_REBOOT
    if request.dry_run:
        if node.version.line < (1, 13):
            return reply(mode, "Dry run summary:\nNode is running in maintenance mode and does not have a config yet\n")
        return reply(mode, dry_run_text(None, new, node.version, mode))
    node.cluster.configured(node, new)
    node.stored = new
    node.world.journal.change(node, "config-accepted", digest=new.digest, maintenance=True)
    # The answer goes out before the node leaves maintenance mode.
    asyncio.get_running_loop().call_soon(node.changed)
    return reply(mode)


def mode_name(mode):
    return Mode(mode).name.lower().replace("_", "-")


def dry_run_text(old, new, talos, mode):
    head = {Mode.REBOOT: "Applied configuration with a reboot (skipped in dry-run).",
            Mode.STAGED: "Staged configuration to be applied after the next reboot (skipped in dry-run)."}.get(
        mode, "Applied configuration without a reboot (skipped in dry-run).")
    text = configs.difference(old, new, talos)
    if text != "No changes.":
        text = ("Config diff:\n\n" if talos.line >= (1, 8) else "Config diff:\n") + text + "\n"
    return f"Dry run summary:\n{head}\n{text}"


async def apply(node, request):
    new = read(node, request)
    if not new.is_complete:
        if node.version.line >= (1, 12):
            raise invalid("the applied machine configuration doesn't contain v1alpha1 config")
        raise invalid("configuration validation failed: v1alpha1 config is required")
    configs.validate(new, node.version, is_installed=True, disks=node.disks)
    reasons = configs.reboot_reasons(node.config, new, node.version)
    mode, details = resolve(request.mode, reasons)
    if request.dry_run:
        return reply(mode, dry_run_text(node.config, new, node.version, mode))
    node.cluster.configured(node, new)
    cancel_revert(node)
    if mode is Mode.TRY:
        timeout = request.try_mode_timeout.total_seconds() if request.try_mode_timeout else 60
        node.revert = (node.config, asyncio.get_running_loop().call_later(timeout or 60, revert, node))
        activate(node, new, "try")
        return reply(mode, f"The config is applied in 'try' mode and will be automatically reverted back in "
                           f"{timeout or 60:g}s")
    node.stored = new
    if mode is Mode.NO_REBOOT:
        activate(node, new, "no-reboot")
    else:
        node.world.journal.change(node, "config-stored", digest=new.digest, mode=mode.name)
        node.changed()
    if mode is Mode.REBOOT:
        node.apply_lock = "reboot after the configuration was applied"
        node.soon(node.reboot)
    return reply(mode, details)


def resolve(mode, reasons):
    """The mode that AUTO stands for, and a refusal where a reboot would be needed."""
    mode = Mode(mode)
    if mode is Mode.AUTO:
        mode = Mode.REBOOT if reasons else Mode.NO_REBOOT
    elif mode in (Mode.NO_REBOOT, Mode.TRY) and reasons:
        raise invalid("this config change can't be applied in immediate mode\ndiff: "
                      + ", ".join(".".join(map(str, path)) for path in reasons))
    return mode, DETAILS.get(mode, "")


def activate(node, new, mode):
    node.config = new
    node.world.journal.change(node, "config-applied", digest=new.digest, mode=mode)
    settings_changed(node)


def cancel_revert(node):
    """A later apply keeps what an apply in try mode would have taken back."""
    if node.revert:
        old, timer = node.revert
        timer.cancel()
        node.revert = None
        node.config = old


def revert(node):
    if node.revert and node.is_up:
        old, _ = node.revert
        node.revert = None
        activate(node, old, "reverted")
