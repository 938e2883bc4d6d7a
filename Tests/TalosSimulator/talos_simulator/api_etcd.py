# SPDX-License-Identifier: Apache-2.0
"""The methods about etcd. They ask the node's own member; what changes the cluster needs a quorum."""
import asyncio

from betterproto.lib.google.protobuf import Empty
from talos_linux_api.v1_6_0 import common, machine

from . import messages, node_services
from .api_machine import require_control_plane
from .dispatch import ADMIN, BACKUP, ETCD_READER, OPERATOR, UNARY, rpc
from .errors import deadline, exists, invalid, precondition, unimplemented, unknown
from .etcd import snapshot_problem

MACHINE = "/machine.MachineService/"
ALARMS = {"NOSPACE": machine.EtcdMemberAlarmAlarmType.NOSPACE, "CORRUPT": machine.EtcdMemberAlarmAlarmType.CORRUPT}
CHUNK = 32 * 1024


async def local(node, name, needs_quorum=False):
    """The node's etcd, once it is known to answer."""
    require_control_plane(node, name)
    if not node.etcd_is_running:
        await asyncio.sleep(min(node.world.etcd_timeout, 5))
        raise deadline("context deadline exceeded")
    if needs_quorum and not node.etcd.has_quorum:
        await asyncio.sleep(node.world.etcd_timeout)
        raise unknown("etcdserver: request timed out")
    return node.etcd


async def anywhere(node, name):
    """The etcd of the cluster, asked through whichever member answers: the node itself need not be one."""
    require_control_plane(node, name)
    etcd = node.etcd or node.cluster.etcd
    if not etcd:
        await asyncio.sleep(min(node.world.etcd_timeout, 5))
        raise deadline("context deadline exceeded")
    if not etcd.has_quorum:
        await asyncio.sleep(node.world.etcd_timeout)
        raise unknown("etcdserver: request timed out")
    return etcd


@rpc(MACHINE + "EtcdMemberList", roles=ETCD_READER)
async def member_list(node, request, call):
    name = "member list"
    etcd = await local(node, name) if request.query_local else await anywhere(node, name)
    found = [machine.EtcdMember(
        id=member.id, hostname=member.name, is_learner=member.is_learner,
        peer_urls=[f"https://{member.node.address if member.node else '0.0.0.0'}:2380"],
        client_urls=[f"https://{member.node.address}:2379"] if member.name and member.node else [])
        for member in etcd.members.values()]
    return machine.EtcdMemberListResponse(messages=[machine.EtcdMembers(
        legacy_members=[member.hostname for member in found], members=found)])


@rpc(MACHINE + "EtcdStatus", roles=ETCD_READER, types=(UNARY, Empty, messages.EtcdStatusResponse))
async def status(node, request, call):
    etcd = await local(node, "etcd status")
    etcd.elect()
    member = node.etcd_member
    errors = [f"memberID:{each.id} alarm:{alarm} " for each in etcd.members.values() for alarm in sorted(each.alarms)]
    if not etcd.leader:
        errors.append("etcdserver: no leader")
    newest = node.version.line >= (1, 11)
    return messages.EtcdStatusResponse(messages=[messages.EtcdStatus(member_status=messages.EtcdMemberStatus(
        protocol_version="3.6.4" if newest else "3.5.13", db_size=20 << 20, db_size_in_use=8 << 20,
        leader=etcd.leader, raft_index=etcd.revision, raft_term=etcd.term, raft_applied_index=etcd.revision,
        errors=errors, is_learner=member.is_learner, member_id=member.id,
        storage_version="3.6.0" if newest else ""))])


@rpc(MACHINE + "EtcdRemoveMemberByID", roles=ADMIN)
async def remove_member_by_id(node, request, call):
    etcd = await anywhere(node, "etcd member removal")
    member = etcd.remove(request.member_id)
    node.world.journal.add("change", cluster=node.cluster.name, node=member.node.name if member.node else "",
                           what="etcd-member-removed", member=f"{member.id:016x}")
    node.cluster.changed()
    return machine.EtcdRemoveMemberByIdResponse(messages=[machine.EtcdRemoveMemberById()])


@rpc(MACHINE + "EtcdRemoveMember", roles=ADMIN, until=(1, 7))
async def remove_member(node, request, call):
    etcd = await local(node, "etcd member removal", needs_quorum=True)
    for member in list(etcd.members.values()):
        if member.name == request.member:
            etcd.remove(member.id)
            node.cluster.changed()
            return machine.EtcdRemoveMemberResponse(messages=[machine.EtcdRemoveMember()])
    raise unknown(f"failed to find {request.member!r} in list of etcd members")


@rpc(MACHINE + "EtcdLeaveCluster", roles=ADMIN)
async def leave_cluster(node, request, call):
    await local(node, "etcd leave")
    await node_services.leave_etcd(node)
    return machine.EtcdLeaveClusterResponse(messages=[machine.EtcdLeaveCluster()])


@rpc(MACHINE + "EtcdForfeitLeadership", roles=ADMIN)
async def forfeit_leadership(node, request, call):
    etcd = await local(node, "etcd forfeit leadership", needs_quorum=True)
    leader = etcd.move_leadership(node.etcd_member)
    return machine.EtcdForfeitLeadershipResponse(messages=[machine.EtcdForfeitLeadership(member=leader)])


@rpc(MACHINE + "EtcdSnapshot", roles=BACKUP)
async def snapshot(node, request, call):
    etcd = await local(node, "etcd snapshot", needs_quorum=True)
    if node.etcd_member.is_learner:
        raise unknown("etcdserver: rpc not supported for learner")
    data = etcd.snapshot()
    for start in range(0, len(data), CHUNK):
        yield common.Data(bytes=data[start:start + CHUNK])


@rpc(MACHINE + "EtcdRecover", roles=ADMIN)
async def recover(node, stream, call):
    require_control_plane(node, "etcd recover")
    data = b"".join([chunk.bytes async for chunk in stream])
    if problem := snapshot_problem(data):
        raise unknown(f"failed to verify snapshot: {problem}")
    if node.etcd_member:
        raise unknown("etcd data directory is not empty")
    node.recovery = data
    return machine.EtcdRecoverResponse(messages=[machine.EtcdRecover()])


@rpc(MACHINE + "EtcdAlarmList", roles=ETCD_READER)
async def alarm_list(node, request, call):
    etcd = await local(node, "etcd alarm list")
    return machine.EtcdAlarmListResponse(messages=[machine.EtcdAlarm(member_alarms=alarms(etcd))])


def alarms(etcd):
    return [machine.EtcdMemberAlarm(member_id=member.id, alarm=ALARMS[alarm])
            for member in etcd.members.values() for alarm in sorted(member.alarms)]


@rpc(MACHINE + "EtcdAlarmDisarm", roles=OPERATOR)
async def alarm_disarm(node, request, call):
    etcd = await local(node, "etcd alarm disarm", needs_quorum=True)
    found = alarms(etcd)
    for member in etcd.members.values():
        member.alarms.clear()
    return machine.EtcdAlarmDisarmResponse(messages=[machine.EtcdAlarmDisarm(member_alarms=found)])


@rpc(MACHINE + "EtcdDefragment", roles=OPERATOR)
async def defragment(node, request, call):
    await local(node, "etcd defragment")
    return machine.EtcdDefragmentResponse(messages=[machine.EtcdDefragment()])


def downgrade(name, act):
    """One of the three methods of a downgrade, which answer alike."""
    async def serve(node, request, call):
        etcd = await local(node, "etcd downgrade", needs_quorum=True)
        act(etcd, request.version)
        return messages.EtcdDowngradeResponse(messages=[messages.EtcdDowngrade(
            cluster_downgrade=messages.EtcdClusterDowngrade(cluster_version=etcd.downgrade or "3.6.0"))])
    rpc(MACHINE + name, roles=ADMIN, since=(1, 11),
        types=(UNARY, messages.EtcdDowngradeRequest, messages.EtcdDowngradeResponse))(serve)


def validate(etcd, version):
    if version not in ("3.5", "3.6"):
        raise invalid(f"etcdserver: invalid downgrade target version {version}")


def enable(etcd, version):
    validate(etcd, version)
    etcd.downgrade = version


def cancel(etcd, version):
    if not etcd.downgrade:
        raise unknown("etcdserver: no inflight downgrade job")
    etcd.downgrade = ""


downgrade("EtcdDowngradeValidate", validate)
downgrade("EtcdDowngradeEnable", enable)
downgrade("EtcdDowngradeCancel", cancel)


@rpc(MACHINE + "Bootstrap", roles=ADMIN)
async def bootstrap(node, request, call):
    if not node.is_control_plane:
        if node.version.line >= (1, 13):
            raise unimplemented("bootstrap is only available on control plane nodes")
        raise precondition("bootstrap can only be performed on a control plane node")
    if "time-not-in-sync" in node.conditions:
        await asyncio.sleep(min(5, node.world.etcd_timeout * 5))
        raise precondition("time is not in sync yet")
    if node.etcd_member:
        raise exists("etcd data directory is not empty")
    if not node.is_cri_up or node.services.get("etcd") != "Preparing":
        raise precondition("bootstrap is not available yet")
    if request.recover_etcd and not node.recovery:
        raise unknown("failed to read etcd snapshot: no such file or directory")
    node.recovery = None
    node.cluster.bootstrap(node, request.recover_etcd)
    node.cluster.changed()
    node.changed()
    return machine.BootstrapResponse(messages=[machine.Bootstrap()])
