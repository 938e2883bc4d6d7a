# SPDX-License-Identifier: Apache-2.0
"""A small Kubernetes API in memory: objects of the built-in kinds, lists, watches, patches, evictions.

It knows nothing of schemas: what is written is what is read. Strategic merge patches and applied objects are merged as
JSON merge patches are, except for lists with a known key.
"""
import asyncio
import copy
import datetime
import json
import uuid

import yaml

from .http import Stream
from .kube_text import matches_fields, matches_labels, merge, status

# For each group and version the resources, their kind, and whether they have namespaces.
KINDS = {
    "v1": {"namespaces": ("Namespace", False), "nodes": ("Node", False), "pods": ("Pod", True),
           "services": ("Service", True), "endpoints": ("Endpoints", True), "configmaps": ("ConfigMap", True),
           "secrets": ("Secret", True), "serviceaccounts": ("ServiceAccount", True), "events": ("Event", True),
           "persistentvolumes": ("PersistentVolume", False), "persistentvolumeclaims": ("PersistentVolumeClaim", True)},
    "apps/v1": {"deployments": ("Deployment", True), "daemonsets": ("DaemonSet", True),
                "replicasets": ("ReplicaSet", True), "statefulsets": ("StatefulSet", True)},
    "batch/v1": {"jobs": ("Job", True), "cronjobs": ("CronJob", True)},
    "policy/v1": {"poddisruptionbudgets": ("PodDisruptionBudget", True)},
    "coordination.k8s.io/v1": {"leases": ("Lease", True)},
    "rbac.authorization.k8s.io/v1": {
        "roles": ("Role", True), "rolebindings": ("RoleBinding", True), "clusterroles": ("ClusterRole", False),
        "clusterrolebindings": ("ClusterRoleBinding", False)},
    "storage.k8s.io/v1": {"storageclasses": ("StorageClass", False), "volumeattachments": ("VolumeAttachment", False)},
    "apiextensions.k8s.io/v1": {"customresourcedefinitions": ("CustomResourceDefinition", False)},
}
KEPT_EVENTS = 5000


class Refused(Exception):
    """An answer that is a Status."""

    def __init__(self, code, reason, message):
        super().__init__(message)
        self.answer = (code, status(code, reason, message))


class Address:
    """What a path names."""

    def __init__(self, path):
        parts = [part for part in path.split("/") if part]
        if parts[0] == "api":
            self.version, rest = parts[1], parts[2:]
        else:
            self.version, rest = "/".join(parts[1:3]), parts[3:]
        self.namespace = None
        if len(rest) > 2 and rest[0] == "namespaces":
            self.namespace, rest = rest[1], rest[2:]
        self.resource, self.name, self.subresource = (rest + [None] * 3)[:3]
        kinds = KINDS.get(self.version, {})
        if self.resource not in kinds:
            raise Refused(404, "NotFound", "the server could not find the requested resource")
        self.kind, self.is_namespaced = kinds[self.resource]

    @property
    def bucket(self):
        return self.version, self.resource


class Store:
    """All objects, and the events of the recent past."""

    def __init__(self):
        self.objects = {}
        self.revision = 1
        self.events = []
        self.waiting = []
        self.version = "v1.34.1"

    async def request(self, method, path, query=None, body=None, kind="application/json"):
        """Answers as the API server would: status and object."""
        try:
            return self.route(method, path, query or {}, body, kind)
        except Refused as refusal:
            return refusal.answer
        except (KeyError, IndexError, ValueError, TypeError, AttributeError, yaml.YAMLError) as error:
            return 400, status(400, "BadRequest", f"{type(error).__name__}: {error}")

    def route(self, method, path, query, body, kind):
        if path in ("/readyz", "/livez", "/healthz"):
            return 200, b"ok"
        if path == "/version":
            major, minor, _ = self.version[1:].split(".", 2)
            return 200, {"major": major, "minor": minor, "gitVersion": self.version, "platform": "linux/amd64"}
        if method == "GET" and (found := discovery(path)):
            return 200, found
        if not path.startswith(("/api/", "/apis/")):
            raise Refused(404, "NotFound", "the server could not find the requested resource")
        at = Address(path)
        value = decode(body, kind) if body else None
        match method:
            case "GET" if at.name:
                return 200, self.get(at)
            case "GET" if query.get("watch") in ("true", "1"):
                return 200, Stream(self.watch(at, query))
            case "GET":
                return 200, self.list(at, query)
            case "POST" if at.subresource == "eviction":
                return self.evict(at)
            case "POST":
                return 201, self.create(at, value)
            case "PUT":
                return 200, self.replace(at, value)
            case "PATCH":
                return self.patch(at, value, kind)
            case "DELETE" if at.name:
                return 200, self.delete(at, value)
        raise Refused(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")

    # -- reading

    def bucket(self, at):
        return self.objects.setdefault(at.bucket, {})

    def get(self, at):
        found = self.bucket(at).get((at.namespace, at.name))
        if not found:
            raise Refused(404, "NotFound", f'{at.resource} "{at.name}" not found')
        return found

    def chosen(self, at, query, found):
        return (at.namespace is None or found["metadata"].get("namespace") == at.namespace) and matches_labels(
            query.get("labelSelector"), found["metadata"].get("labels") or {}) and matches_fields(
            query.get("fieldSelector"), found)

    def list(self, at, query):
        found = [each for _, each in sorted(self.bucket(at).items(), key=lambda pair: str(pair[0]))
                 if self.chosen(at, query, each)]
        return {"apiVersion": at.version, "kind": at.kind + "List",
                "metadata": {"resourceVersion": str(self.revision)}, "items": found}

    async def watch(self, at, query):
        since = int(query.get("resourceVersion") or 0)
        if not since:
            for found in self.list(at, query)["items"]:
                yield line("ADDED", found)
            since = self.revision
        end = asyncio.get_running_loop().time() + float(query.get("timeoutSeconds") or 300)
        if self.events and since < self.events[0][0] - 1:
            yield line("ERROR", status(410, "Expired", f"too old resource version: {since}"))
            return
        while True:
            for revision, kind, bucket, found in list(self.events):
                if revision > since and bucket == at.bucket and self.chosen(at, query, found):
                    yield line(kind, found)
            since = self.revision
            left = end - asyncio.get_running_loop().time()
            if left <= 0:
                return
            future = asyncio.get_running_loop().create_future()
            self.waiting.append(future)
            await asyncio.wait([future], timeout=left)

    # -- writing

    def put(self, at, found, kind):
        """Stores an object with a new version, or takes it away, and tells those who watch."""
        self.revision += 1
        found["metadata"]["resourceVersion"] = str(self.revision)
        key = (found["metadata"].get("namespace"), found["metadata"]["name"])
        if kind == "DELETED":
            self.bucket(at).pop(key, None)
        else:
            self.bucket(at)[key] = found
        self.events.append((self.revision, kind, at.bucket, found))
        del self.events[:-KEPT_EVENTS]
        waiting, self.waiting = self.waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)
        return found

    def create(self, at, value):
        metadata = value.setdefault("metadata", {})
        if not metadata.get("name") and metadata.get("generateName"):
            metadata["name"] = metadata["generateName"] + uuid.uuid4().hex[:5]
        if at.is_namespaced:
            metadata["namespace"] = at.namespace
        if (metadata.get("namespace"), metadata["name"]) in self.bucket(at):
            raise Refused(409, "AlreadyExists", f'{at.resource} "{metadata["name"]}" already exists')
        metadata |= {"uid": str(uuid.uuid4()), "creationTimestamp": now(), "generation": 1}
        return self.put(at, {"apiVersion": at.version, "kind": at.kind} | value, "ADDED")

    def replace(self, at, value):
        old = self.get(at)
        wanted = value["metadata"].get("resourceVersion")
        if wanted and wanted != old["metadata"]["resourceVersion"]:
            raise Refused(409, "Conflict", f'Operation cannot be fulfilled on {at.resource} "{at.name}": the object '
                          "has been modified; please apply your changes to the latest version and try again")
        new = old | {"status": value.get("status")} if at.subresource == "status" else value | {
            "status": old.get("status")}
        return self.changed(at, old, copy.deepcopy(new))

    def patch(self, at, value, kind):
        if (at.namespace, at.name) not in self.bucket(at) and kind.startswith("application/apply-patch"):
            value.setdefault("metadata", {})["name"] = at.name
            return 201, self.create(at, value)
        old = self.get(at)
        wanted = (value.get("metadata") or {}).get("resourceVersion") if isinstance(value, dict) else None
        if wanted and wanted != old["metadata"]["resourceVersion"]:
            raise Refused(409, "Conflict", f'Operation cannot be fulfilled on {at.resource} "{at.name}": the object '
                          "has been modified; please apply your changes to the latest version and try again")
        if kind.startswith("application/json-patch"):
            raise Refused(415, "UnsupportedMediaType", "JSON patches are not simulated")
        new = merge(old, value, by_key="merge-patch" not in kind)
        if at.subresource != "status" and at.resource in ("nodes", "pods", "poddisruptionbudgets"):
            new["status"] = old.get("status")
        return 200, self.changed(at, old, new)

    def changed(self, at, old, new):
        for key in ("uid", "creationTimestamp", "name", "namespace", "generation"):
            if key in old["metadata"]:
                new["metadata"][key] = old["metadata"][key]
        new["metadata"]["resourceVersion"] = old["metadata"]["resourceVersion"]
        if new == old:
            return old
        if new.get("spec") != old.get("spec"):
            new["metadata"]["generation"] = old["metadata"].get("generation", 1) + 1
        is_gone = old["metadata"].get("deletionTimestamp") and not new["metadata"].get("finalizers")
        return self.put(at, new, "DELETED" if is_gone else "MODIFIED")

    def delete(self, at, options):
        found = copy.deepcopy(self.get(at))
        wanted = ((options or {}).get("preconditions") or {}).get("uid")
        if wanted and wanted != found["metadata"]["uid"]:
            raise Refused(409, "Conflict", f"the UID in the precondition ({wanted}) does not match")
        # A kubelet ends its pods; others are told that it is to do so.
        is_running = at.resource == "pods" and found["spec"].get("nodeName") and \
            (options or {}).get("gracePeriodSeconds") != 0
        if found["metadata"].get("finalizers") or is_running:
            found["metadata"]["deletionTimestamp"] = found["metadata"].get("deletionTimestamp") or now()
            return self.put(at, found, "MODIFIED")
        return self.put(at, found, "DELETED")

    def evict(self, at):
        """Deletes a pod unless a budget forbids it; then it is 429, as often as it is asked."""
        pod_at = Address(f"/api/v1/namespaces/{at.namespace}/pods/{at.name}")
        pod = self.get(pod_at)
        budgets = [budget for budget in self.objects.get(("policy/v1", "poddisruptionbudgets"), {}).values()
                   if budget["metadata"]["namespace"] == at.namespace and covers(budget, pod)]
        if len(budgets) > 1:
            raise Refused(500, "InternalError", "This pod has more than one PodDisruptionBudget, which the eviction "
                          "subresource does not support.")
        if budgets and is_ready(pod):
            if (budgets[0].get("status") or {}).get("disruptionsAllowed", 0) <= 0:
                raise Refused(429, "TooManyRequests", "Cannot evict pod as it would violate the pod's disruption "
                              "budget.")
            budget = copy.deepcopy(budgets[0])
            budget["status"]["disruptionsAllowed"] -= 1
            name = budget["metadata"]["name"]
            self.put(Address(f"/apis/policy/v1/namespaces/{at.namespace}/poddisruptionbudgets/{name}"), budget,
                     "MODIFIED")
        self.delete(pod_at, None)
        return 201, status(201, "", "", "Success")


def covers(budget, pod):
    """Whether a budget counts this pod."""
    selector = budget["spec"].get("selector") or {}
    labels = pod["metadata"].get("labels") or {}
    return all(labels.get(key) == value for key, value in (selector.get("matchLabels") or {}).items()) and all(
        matches_expression(each, labels) for each in selector.get("matchExpressions") or [])


def matches_expression(expression, labels):
    value, values = labels.get(expression["key"]), expression.get("values") or []
    return {"In": value in values, "NotIn": value not in values, "Exists": value is not None,
            "DoesNotExist": value is None}[expression["operator"]]


def is_ready(pod):
    return any(each["type"] == "Ready" and each["status"] == "True"
               for each in (pod.get("status") or {}).get("conditions") or [])


def decode(body, kind):
    return yaml.safe_load(body) if "yaml" in kind else json.loads(body)


def line(kind, found):
    return json.dumps({"type": kind, "object": found}).encode() + b"\n"


def now():
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def discovery(path):
    """The lists of versions, groups and resources."""
    groups = sorted({version for version in KINDS if "/" in version})
    if path == "/api":
        return {"kind": "APIVersions", "versions": ["v1"]}
    if path == "/apis":
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [group_of(version) for version in groups]}
    version = path.removeprefix("/apis/").removeprefix("/api/")
    if version in KINDS:
        eviction = {"name": "pods/eviction", "singularName": "", "namespaced": True, "group": "policy", "version": "v1",
                    "kind": "Eviction", "verbs": ["create"]}
        return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": [
            *([eviction] if version == "v1" else []), *(
            {"name": name, "singularName": "", "namespaced": is_namespaced, "kind": kind,
             "verbs": ["create", "delete", "get", "list", "patch", "update", "watch"]}
            for name, (kind, is_namespaced) in KINDS[version].items())]}
    return next((group_of(each) | {"kind": "APIGroup", "apiVersion": "v1"} for each in groups
                 if each.split("/")[0] == version), None)


def group_of(version):
    name, _, number = version.partition("/")
    entry = {"groupVersion": version, "version": number}
    return {"name": name, "versions": [entry], "preferredVersion": entry}
