# SPDX-License-Identifier: Apache-2.0
"""What a node tells of itself, and its services."""
import asyncio
import gzip
import io
import tarfile

from betterproto.lib.google.protobuf import Empty
from talos_linux_api.v1_6_0 import cluster, common, machine, storage
from talos_linux_api.v1_6_0 import time as time_api

from . import access
from .dispatch import ADMIN, OPERATOR, rpc
from .errors import deadline, unimplemented, unknown

MACHINE = "/machine.MachineService/"
SERVICE_NAMES = ("apid", "auditd", "containerd", "cri", "dashboard", "etcd", "kubelet", "machined", "syslogd", "trustd",
                 "udevd")


def require_control_plane(node, name):
    if not node.is_control_plane:
        raise unimplemented(f"{name} is only available on control plane nodes")


@rpc(MACHINE + "Version")
async def version(node, request: Empty, call):
    running = node.running or node.media
    return machine.VersionResponse(messages=[machine.Version(
        version=machine.VersionInfo(tag=running.tag, sha="simulated", go_version="go1.24", os="linux", arch="amd64"),
        platform=machine.PlatformInfo(name="metal", mode="metal"), features=machine.FeaturesInfo(rbac=True))])


@rpc(MACHINE + "Hostname")
async def hostname(node, request, call):
    return machine.HostnameResponse(messages=[machine.Hostname(hostname=node.hostname)])


@rpc(MACHINE + "Memory")
async def memory(node, request, call):
    info = machine.MemInfo(memtotal=4 << 20, memfree=2 << 20, memavailable=3 << 20)
    return machine.MemoryResponse(messages=[machine.Memory(meminfo=info)])


@rpc(MACHINE + "Mounts")
async def mounts(node, request, call):
    full = "full-disk" in node.conditions
    stat = machine.MountStat(filesystem="/dev/sda6", size=60 << 30, available=0 if full else 50 << 30,
                             mounted_on="/var")
    return machine.MountsResponse(messages=[machine.Mounts(stats=[stat])])


@rpc(MACHINE + "Read", roles=ADMIN)
async def read(node, request, call):
    files = {"/proc/sys/kernel/random/boot_id": node.boot_id + "\n", "/proc/cmdline": "talos.platform=metal\n"}
    if request.path not in files:
        raise unknown(f"stat {request.path}: no such file or directory")
    yield common.Data(bytes=files[request.path].encode())


@rpc(MACHINE + "Events")
async def events(node, request, call):
    async for event in node.events.follow(request):
        yield event


@rpc("/time.TimeService/Time")
async def time(node, request, call):
    return time_api.TimeResponse(messages=[time_api.Time(
        server="time.cloudflare.com", localtime=node.now(), remotetime=node.world.now())])


@rpc("/storage.StorageService/Disks")
async def disks(node, request, call):
    found = [storage.Disk(
        size=disk["size"], model=disk["model"], device_name=disk["device_name"], serial=disk["serial"],
        type=storage.DiskDiskType(disk["type"]), readonly=disk["readonly"], name=disk["model"],
        system_disk=bool(node.installed) and index == 0) for index, disk in enumerate(node.disks)]
    return storage.DisksResponse(messages=[storage.Disks(disks=found)])


@rpc(MACHINE + "ServiceList")
async def service_list(node, request, call):
    found = [service_info(node, name) for name in SERVICE_NAMES if name in node.services]
    return machine.ServiceListResponse(messages=[machine.ServiceList(services=found)])


def service_info(node, name):
    is_unknown, is_healthy = node.service_health(name)
    changes = node.service_events.get(name, [])
    return machine.ServiceInfo(
        id=name, state=node.services[name],
        events=machine.ServiceEvents(events=[machine.ServiceEvent(msg=text, state=state, ts=time)
                                             for state, text, time in changes]),
        health=machine.ServiceHealth(unknown=is_unknown, healthy=is_healthy,
                                     last_message=changes[-1][1] if changes else "",
                                     last_change=changes[-1][2] if changes else node.now()))


def require_service(node, name, allowed):
    if name not in node.services:
        raise unknown(f'service "{name}" is not registered')
    if name not in allowed:
        raise unknown(f'service "{name}" doesn\'t support this operation via API')


@rpc(MACHINE + "ServiceRestart", roles=OPERATOR)
async def service_restart(node, request, call):
    require_service(node, request.id, ("kubelet", "cri", "trustd", "apid", "etcd", "auditd", "syslogd"))
    node.set_service(request.id, "Stopping")
    await node.world.step("restart")
    node.set_service(request.id, "Running")
    return machine.ServiceRestartResponse(messages=[machine.ServiceRestart(resp=f'Service "{request.id}" restarted')])


@rpc(MACHINE + "ServiceStop", roles=OPERATOR)
async def service_stop(node, request, call):
    require_service(node, request.id, ("kubelet",))
    node.set_service(request.id, "Finished")
    node.tell_kubernetes()
    return machine.ServiceStopResponse(messages=[machine.ServiceStop(resp=f'Service "{request.id}" stopped')])


@rpc(MACHINE + "ServiceStart", roles=OPERATOR)
async def service_start(node, request, call):
    require_service(node, request.id, ("kubelet",))
    node.set_service(request.id, "Running")
    node.tell_kubernetes()
    return machine.ServiceStartResponse(messages=[machine.ServiceStart(resp=f'Service "{request.id}" started')])


@rpc(MACHINE + "Kubeconfig", roles=ADMIN)
async def kubeconfig(node, request, call):
    """A gzipped tar whose end is missing: the node closes the one, and never the other."""
    require_control_plane(node, "kubeconfig")
    text = access.kubeconfig(node).encode()
    member = tarfile.TarInfo("kubeconfig")
    member.size, member.mode = len(text), 0o600
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb") as file:
        file.write(member.tobuf(tarfile.USTAR_FORMAT) + text)
    yield common.Data(bytes=packed.getvalue())


@rpc(MACHINE + "GenerateClientConfiguration", roles=ADMIN)
async def generate_client_configuration(node, request, call):
    require_control_plane(node, "client configuration")
    return access.client_configuration(node, request)


@rpc(MACHINE + "MetaWrite", roles=ADMIN, since=(1, 6))
async def meta_write(node, request, call):
    node.meta[request.key] = request.value
    return machine.MetaWriteResponse(messages=[machine.MetaWrite()])


@rpc(MACHINE + "MetaDelete", roles=ADMIN, since=(1, 6))
async def meta_delete(node, request, call):
    if node.meta.pop(request.key, None) is None:
        raise unknown("meta key not found")
    return machine.MetaDeleteResponse(messages=[machine.MetaDelete()])


@rpc("/cluster.ClusterService/HealthCheck")
async def health_check(node, request, call):
    """Some of the checks of a real node, in their order; it goes on until all hold or its time is up."""
    require_control_plane(node, "health check")
    info = request.cluster_info
    wanted = set(info.control_plane_nodes) | set(info.worker_nodes)
    nodes = [each for each in node.cluster.nodes.values() if not wanted or each.address in wanted]
    end = asyncio.get_running_loop().time() + (request.wait_timeout.total_seconds() if request.wait_timeout else 1200)
    for name, holds in (
            ("etcd to be healthy", lambda: bool(node.etcd and node.etcd.has_quorum)),
            ("apid to be ready", lambda: all(each.services.get("apid") == "Running" for each in nodes)),
            ("all nodes to finish boot sequence", lambda: all(each.stage == "running" for each in nodes)),
            ("all k8s nodes to report ready", lambda: all(each.is_ready for each in nodes))):
        yield cluster.HealthCheckProgress(message=f"waiting for {name}: ...")
        while not holds():
            if asyncio.get_running_loop().time() > end:
                raise deadline("healthcheck error: rpc error: code = DeadlineExceeded desc = context deadline exceeded")
            await asyncio.sleep(node.world.delay)
        yield cluster.HealthCheckProgress(message=f"waiting for {name}: OK")
