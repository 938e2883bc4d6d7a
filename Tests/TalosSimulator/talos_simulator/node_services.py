# SPDX-License-Identifier: Apache-2.0
"""The services of a node that depend on more than the node itself: etcd, the static pods, the kubelet."""
import asyncio

from . import versions

# The static pods of a control plane, where the configuration has their image, and the resource with their settings.
STATIC_PODS = {
    "kube-apiserver": ("apiServer", "APIServerConfigs.kubernetes.talos.dev"),
    "kube-controller-manager": ("controllerManager", "ControllerManagerConfigs.kubernetes.talos.dev"),
    "kube-scheduler": ("scheduler", "SchedulerConfigs.kubernetes.talos.dev"),
}


async def run_etcd(node):
    """Returns when etcd runs: with its old data, after bootstrap, or as a new member."""
    cluster, world = node.cluster, node.world
    node.set_service("etcd", "Preparing", "Running pre state")
    if not node.etcd_member:
        await cluster.signal.until(lambda: node.etcd_member is not None or may_join(node))
        if not node.etcd_member:
            eject_namesakes(node)
            cluster.etcd.add(node, is_learner=True)
            cluster.etcd.touch()
            await world.step("join")
    await world.step("etcd")
    member = node.etcd_member
    if not member or member.id not in node.etcd.members:
        node.set_service("etcd", "Failed", "the member has been permanently removed from the cluster")
        await asyncio.get_running_loop().create_future()
    member.name = node.hostname
    node.etcd_is_running = True
    cluster.changed()
    # A member that is alone or in the minority serves nobody until enough others are back.
    await cluster.signal.until(lambda: node.etcd is None or node.etcd.has_quorum)
    node.set_service("etcd", "Running", "Health check successful")
    if member.is_learner:
        node.aside(promote(node, member))


def eject_namesakes(node):
    """A node without data that joins removes the members that have its name: they are its own from before."""
    for member in list(node.cluster.etcd.members.values()):
        if member.name == node.hostname:
            node.cluster.etcd.remove(member.id)
            node.world.journal.change(node, "etcd-namesake-removed", member=f"{member.id:016x}")


def may_join(node):
    """A learner can be added while there is a quorum and no other learner."""
    etcd = node.cluster.etcd
    return bool(etcd) and etcd.has_quorum and not any(member.is_learner for member in etcd.members.values()) \
        and "teardown" not in node.cluster.expects


async def promote(node, member):
    await node.world.step("promote")
    await node.cluster.signal.until(lambda: "learner-stuck" not in node.conditions and node.etcd.has_quorum)
    if member.id in node.etcd.members and member.is_learner:
        node.etcd.promote(member)
        node.world.journal.change(node, "etcd-member-promoted", member=f"{member.id:016x}")
        node.cluster.changed()
        node.changed()


async def leave_etcd(node):
    """Removes the node's own member and its data; of the last member etcd refuses that, again and again."""
    etcd, member = node.etcd, node.etcd_member
    if not etcd or not member:
        await asyncio.get_running_loop().create_future()
    while len(etcd.members) > 1 and not etcd.has_quorum or len(etcd.voters) == 1 and not member.is_learner:
        await asyncio.sleep(node.world.delay)
    if member.id in etcd.members:
        if len(etcd.voters) > 1:
            etcd.move_leadership(member)
        others = [voter for voter in etcd.voters if voter is not member]
        while not member.is_learner and 2 * sum(voter.is_alive for voter in others) <= len(others):
            await asyncio.sleep(node.world.delay)
        del etcd.members[member.id]
        etcd.touch()
    node.world.journal.change(node, "etcd-member-left", member=f"{member.id:016x}")
    node.wipe_etcd()
    if node.is_up:
        node.set_service("etcd", "Finished", "Service finished successfully")


async def start_static_pods(node):
    await node.world.step("static-pods")
    node.has_static_pods = True
    for name in STATIC_PODS:
        node.static_pods[name] = static_pod(node, name)
    node.changed()
    node.cluster.changed()
    node.tell_kubernetes()


def static_pod(node, name):
    """What of the configuration the pod of this name runs with."""
    section, kind = STATIC_PODS[name]
    image = node.config.get("cluster", section, "image", default=f"registry.k8s.io/{name}:v1.30.0")
    resource = node.resources.find("controlplane", kind, name)
    return {"image": image, "version": resource.version if resource else "1"}


def settings_changed(node):
    """The configuration has changed while the node runs: what depends on it follows, each after its time."""
    node.changed()
    if node.has_static_pods:
        node.aside(update_static_pods(node))
    wanted = versions.image_tag(node.config.get("machine", "kubelet", "image"))
    if wanted and node.kubelet_version and wanted != node.kubelet_version:
        node.aside(restart_kubelet(node, wanted))
    node.tell_kubernetes()


async def update_static_pods(node):
    await node.world.step("static-pods")
    for name in STATIC_PODS:
        node.static_pods[name] = static_pod(node, name)
    node.changed()
    node.tell_kubernetes()


async def restart_kubelet(node, version):
    node.set_service("kubelet", "Stopping")
    await node.world.step("restart")
    node.kubelet_version = version
    node.set_service("kubelet", "Running")
    node.tell_kubernetes()
