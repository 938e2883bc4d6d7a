# SPDX-License-Identifier: Apache-2.0
"""Messages of the Talos API that the stubs of 1.6 do not have yet, and those of COSI, which are no part of them."""
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Dict, List, Optional

import betterproto
from talos_linux_api.v1_6_0.common import ContainerDriver, ContainerdNamespace, Metadata

message = dataclass(eq=False, repr=False)


# -- /cosi.resource.State

@message
class ResourceMetadata(betterproto.Message):
    namespace: str = betterproto.string_field(1)
    type: str = betterproto.string_field(2)
    id: str = betterproto.string_field(3)
    version: str = betterproto.string_field(4)
    owner: str = betterproto.string_field(5)
    phase: str = betterproto.string_field(6)
    created: datetime = betterproto.message_field(7)
    updated: datetime = betterproto.message_field(8)
    finalizers: List[str] = betterproto.string_field(9)
    labels: Dict[str, str] = betterproto.map_field(10, betterproto.TYPE_STRING, betterproto.TYPE_STRING)
    annotations: Dict[str, str] = betterproto.map_field(11, betterproto.TYPE_STRING, betterproto.TYPE_STRING)


@message
class ResourceSpec(betterproto.Message):
    proto_spec: bytes = betterproto.bytes_field(1)
    yaml_spec: str = betterproto.string_field(2)


@message
class Resource(betterproto.Message):
    metadata: ResourceMetadata = betterproto.message_field(1)
    spec: ResourceSpec = betterproto.message_field(2)


@message
class GetOptions(betterproto.Message):
    pass


@message
class GetRequest(betterproto.Message):
    namespace: str = betterproto.string_field(1)
    type: str = betterproto.string_field(2)
    id: str = betterproto.string_field(3)
    options: GetOptions = betterproto.message_field(4)


@message
class GetResponse(betterproto.Message):
    resource: Resource = betterproto.message_field(1)


class LabelTermOperation(betterproto.Enum):
    EXISTS = 0
    EQUAL = 1
    NOT_EXISTS = 2
    IN = 3
    LT = 4
    LTE = 5
    LT_NUMERIC = 6
    LTE_NUMERIC = 7


@message
class LabelTerm(betterproto.Message):
    key: str = betterproto.string_field(1)
    op: LabelTermOperation = betterproto.enum_field(2)
    value: List[str] = betterproto.string_field(3)
    invert: bool = betterproto.bool_field(4)


@message
class LabelQuery(betterproto.Message):
    terms: List[LabelTerm] = betterproto.message_field(1)


@message
class IDQuery(betterproto.Message):
    regexp: str = betterproto.string_field(1)


@message
class ListOptions(betterproto.Message):
    label_query: List[LabelQuery] = betterproto.message_field(1)
    id_query: IDQuery = betterproto.message_field(2)


@message
class ListRequest(betterproto.Message):
    namespace: str = betterproto.string_field(1)
    type: str = betterproto.string_field(2)
    options: ListOptions = betterproto.message_field(3)


@message
class ListResponse(betterproto.Message):
    resource: Resource = betterproto.message_field(1)


class EventType(betterproto.Enum):
    CREATED = 0
    UPDATED = 1
    DESTROYED = 2
    BOOTSTRAPPED = 3
    ERRORED = 4
    NOOP = 5


@message
class Event(betterproto.Message):
    resource: Resource = betterproto.message_field(1)
    event_type: EventType = betterproto.enum_field(2)
    old: Resource = betterproto.message_field(3)
    error: Optional[str] = betterproto.string_field(4, optional=True)
    bookmark: Optional[bytes] = betterproto.bytes_field(5, optional=True)


@message
class WatchOptions(betterproto.Message):
    bootstrap_contents: bool = betterproto.bool_field(1)
    tail_events: int = betterproto.int32_field(2)
    label_query: List[LabelQuery] = betterproto.message_field(3)
    id_query: IDQuery = betterproto.message_field(4)
    aggregated: bool = betterproto.bool_field(5)
    start_from_bookmark: Optional[bytes] = betterproto.bytes_field(6, optional=True)
    bootstrap_bookmark: bool = betterproto.bool_field(7)


@message
class WatchRequest(betterproto.Message):
    namespace: str = betterproto.string_field(1)
    type: str = betterproto.string_field(2)
    id: Optional[str] = betterproto.string_field(3, optional=True)
    options: WatchOptions = betterproto.message_field(4)
    api_version: int = betterproto.int32_field(5)


@message
class WatchResponse(betterproto.Message):
    event: List[Event] = betterproto.message_field(1)


# -- /machine.LifecycleService, since 1.13

@message
class ContainerdInstance(betterproto.Message):
    driver: ContainerDriver = betterproto.enum_field(1)
    namespace: ContainerdNamespace = betterproto.enum_field(2)


@message
class InstallArtifactsSource(betterproto.Message):
    image_name: str = betterproto.string_field(1)


@message
class InstallDestination(betterproto.Message):
    disk: str = betterproto.string_field(1)


@message
class LifecycleServiceUpgradeRequest(betterproto.Message):
    containerd: ContainerdInstance = betterproto.message_field(1)
    source: InstallArtifactsSource = betterproto.message_field(2)


@message
class LifecycleServiceInstallRequest(betterproto.Message):
    containerd: ContainerdInstance = betterproto.message_field(1)
    source: InstallArtifactsSource = betterproto.message_field(2)
    destination: InstallDestination = betterproto.message_field(3)


@message
class LifecycleServiceInstallProgress(betterproto.Message):
    message: str = betterproto.string_field(1, group="response")
    exit_code: int = betterproto.int32_field(2, group="response")


@message
class LifecycleServiceInstallResponse(betterproto.Message):
    """Upgrade answers with the same shape."""
    progress: LifecycleServiceInstallProgress = betterproto.message_field(1)


# -- /machine.ImageService, since 1.13

@message
class ImageServicePullRequest(betterproto.Message):
    containerd: ContainerdInstance = betterproto.message_field(1)
    image_ref: str = betterproto.string_field(3)


@message
class ImageServicePullLayer(betterproto.Message):
    status: int = betterproto.int32_field(1)
    elapsed: timedelta = betterproto.message_field(2)
    offset: int = betterproto.int64_field(3)
    total: int = betterproto.int64_field(4)


@message
class ImageServicePullProgress(betterproto.Message):
    layer_id: str = betterproto.string_field(1)
    progress: ImageServicePullLayer = betterproto.message_field(2)


@message
class ImageServicePullResponse(betterproto.Message):
    name: str = betterproto.string_field(1, group="response")
    pull_progress: ImageServicePullProgress = betterproto.message_field(2, group="response")


# -- etcd, where newer than 1.6

@message
class EtcdMemberStatus(betterproto.Message):
    protocol_version: str = betterproto.string_field(1)
    db_size: int = betterproto.int64_field(2)
    db_size_in_use: int = betterproto.int64_field(3)
    leader: int = betterproto.uint64_field(4)
    raft_index: int = betterproto.uint64_field(5)
    raft_term: int = betterproto.uint64_field(6)
    raft_applied_index: int = betterproto.uint64_field(7)
    errors: List[str] = betterproto.string_field(8)
    is_learner: bool = betterproto.bool_field(9)
    member_id: int = betterproto.uint64_field(10)
    storage_version: str = betterproto.string_field(11)


@message
class EtcdStatus(betterproto.Message):
    metadata: Metadata = betterproto.message_field(1)
    member_status: EtcdMemberStatus = betterproto.message_field(2)


@message
class EtcdStatusResponse(betterproto.Message):
    messages: List[EtcdStatus] = betterproto.message_field(1)


@message
class EtcdDowngradeRequest(betterproto.Message):
    """The request of Validate and Enable; that of Cancel is empty."""
    version: str = betterproto.string_field(1)


@message
class EtcdClusterDowngrade(betterproto.Message):
    cluster_version: str = betterproto.string_field(1)


@message
class EtcdDowngrade(betterproto.Message):
    metadata: Metadata = betterproto.message_field(1)
    cluster_downgrade: EtcdClusterDowngrade = betterproto.message_field(2)


@message
class EtcdDowngradeResponse(betterproto.Message):
    messages: List[EtcdDowngrade] = betterproto.message_field(1)
