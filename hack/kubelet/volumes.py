# SPDX-License-Identifier: Apache-2.0
"""The volumes of a Pod as directories, which can be brought up to date while the container runs."""
import base64
import os
import shutil
import time
from pathlib import Path
from typing import NamedTuple

from . import linux, spec
from .api import APIError
from .problem import Problem


class Cluster:
    """What volumes and variables read from the API server, in the namespace of the Pod."""

    def __init__(self, api, pod):
        self.api, self.pod = api, pod
        self.namespace = pod["metadata"].setdefault("namespace", "default")
        self.account = pod["spec"].get("serviceAccountName") or "default"

    def read(self, kind, name, is_optional=False):
        try:
            document = self.api.get(f"/api/v1/namespaces/{self.namespace}/{kind.lower()}s/{name}")
        except APIError as error:
            if error.status == 404 and name == "kube-root-ca.crt":  # nobody publishes it here
                return {"ca.crt": self.api.authority}
            if error.status == 404 and is_optional:
                return {}
            raise Problem(str(error)) from error
        if kind == "secret":
            return {key: base64.b64decode(text) for key, text in document.get("data", {}).items()}
        binary = {key: base64.b64decode(text) for key, text in document.get("binaryData", {}).items()}
        return binary | {key: text.encode() for key, text in document.get("data", {}).items()}

    def token(self, audience, seconds):
        """A token of the Pod's account, bound to the Pod if the server has it."""
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
                "spec": {"audiences": [audience] if audience else [], "expirationSeconds": max(600, seconds)}}
        if uid := self.pod["metadata"].get("uid"):
            body["spec"]["boundObjectRef"] = {
                "apiVersion": "v1", "kind": "Pod", "name": self.pod["metadata"]["name"], "uid": uid}
        path = f"/api/v1/namespaces/{self.namespace}/serviceaccounts/{self.account}/token"
        try:
            return self.api.request("POST", path, body)["status"]["token"].encode()
        except APIError as error:
            raise Problem(f"no token for the service account {self.account}: {error}") from error

    def account_sources(self):
        """The volume that admission adds to a Pod whose account's token is mounted."""
        return [{"serviceAccountToken": {"path": "token", "expirationSeconds": 3607}},
                {"clusterAuthority": "ca.crt"},
                {"downwardAPI": {"items": [
                    {"path": "namespace", "fieldRef": {"fieldPath": "metadata.namespace"}}]}}]

    def mounts_token(self):
        """Whether the token is mounted: the Pod's word counts before its account's."""
        wish = self.pod["spec"].get("automountServiceAccountToken")
        if wish is None:
            account = self.api.get(f"/api/v1/namespaces/{self.namespace}/serviceaccounts/{self.account}")
            wish = account.get("automountServiceAccountToken", True)
        return wish


class File(NamedTuple):
    content: bytes
    mode: int
    owner: int = -1


class Volumes:
    """All volumes of the Pod below directory `scratch`, with those of claims in `claims` by the claim's name."""

    def __init__(self, scratch, cluster, security, claims):
        self.directory, self.cluster, self.security, self.claims = Path(scratch), cluster, security, claims
        self.published = {}
        self.paths = {}

    def make(self, container):
        """Makes the volumes that the container mounts; returns (directory, target, is read-only) of each."""
        declared = {each["name"]: each for each in self.cluster.pod["spec"].get("volumes", [])}
        mounts = []
        for mount in container.get("volumeMounts", []):
            name = mount["name"]
            if name not in declared:
                raise Problem(f"volumeMounts: there is no volume {name}")
            if name not in self.paths:
                self.paths[name] = self._make(declared[name])
            source = self.paths[name]
            if mount.get("subPath"):
                source = source / mount["subPath"]
                if not source.exists():
                    source.mkdir(parents=True)
                    self._give(source)
            is_read_only = mount.get("readOnly", False) or name in self.published
            mounts.append((source, mount["mountPath"].rstrip("/"), is_read_only))
        targets = [target for _, target, _ in mounts]
        if spec.ACCOUNT_DIRECTORY not in targets and self.cluster.mounts_token():
            path = self.directory / "account"
            self._publish("account", path, self.cluster.account_sources(), 0o644)
            mounts.append((path, spec.ACCOUNT_DIRECTORY, True))
        return sorted(mounts, key=lambda mount: mount[1])

    def refresh(self):
        """Reads everything again; files change all at once, and only if one of them did."""
        for name, (path, sources, mode) in self.published.items():
            self._publish(name, path, sources, mode)

    def _make(self, volume):
        name, path = volume["name"], self.directory / volume["name"]
        if "emptyDir" in volume:
            limit = (volume["emptyDir"] or {}).get("sizeLimit")
            path.mkdir()
            size = f"size={int(spec.quantity(limit))}" if limit else "size=1g"
            linux.mount("emptydir", path, "tmpfs", linux.MS_NOSUID | linux.MS_NODEV, size)
            self._give(path)
        elif "persistentVolumeClaim" in volume:
            claim = volume["persistentVolumeClaim"]["claimName"]
            if claim not in self.claims:
                raise Problem(f"volume {name}: which directory is the claim {claim}? --claim {claim}=DIR")
            path = Path(self.claims[claim])
            path.mkdir(exist_ok=True)
            self._give(path)
        elif sources := self._sources(volume):
            kind = next(key for key in volume if key != "name")
            self._publish(name, path, sources, (volume[kind] or {}).get("defaultMode", 0o644))
        else:
            raise Problem(f"volume {name}: {', '.join(set(volume) - {'name'})} is not supported")
        return path

    @staticmethod
    def _sources(volume):
        if "projected" in volume:
            return volume["projected"]["sources"]
        if "secret" in volume:
            return [{"secret": {**volume["secret"], "name": volume["secret"]["secretName"]}}]
        return [{kind: volume[kind]} for kind in ("configMap", "downwardAPI") if kind in volume]

    def _give(self, path):
        """As a volume that nobody has written to: for everybody, and its group is the Pod's fsGroup."""
        os.chmod(path, 0o777)
        if self.security.fs_group is not None:
            os.chown(path, -1, self.security.fs_group)
            os.chmod(path, 0o2777)

    def _publish(self, name, path, sources, mode):
        """Writes the files into a new directory and points `..data` to it, as the kubelet does."""
        files = {}
        for source in sources:
            files |= self._files(source, mode)
        self.published[name] = (path, sources, mode)
        path.mkdir(exist_ok=True, mode=0o755)
        current = path / "..data"
        if current.exists() and {key: (current / key).read_bytes() for key in self._names(current)} == {
                key: file.content for key, file in files.items()}:
            return
        fresh = path / f"..{time.strftime('%Y_%m_%d_%H_%M_%S')}.{time.monotonic_ns() % 10**9}"
        fresh.mkdir(mode=0o755)
        for key, file in files.items():
            self._write(fresh / key, file)
        old = current.resolve() if current.exists() else None
        (path / "..data_tmp").symlink_to(fresh.name)
        os.replace(path / "..data_tmp", current)
        self._link(path, files)
        if old:
            shutil.rmtree(old)

    @staticmethod
    def _names(directory):
        return [str(each.relative_to(directory)) for each in directory.rglob("*") if each.is_file()]

    @staticmethod
    def _link(path, files):
        """Links to the files through `..data`, and none to what is there no more."""
        first = {key.split("/")[0] for key in files}
        for entry in path.iterdir():
            if entry.is_symlink() and not entry.name.startswith("..") and entry.name not in first:
                entry.unlink()
        for name in first:
            if not (path / name).is_symlink():
                (path / name).symlink_to(f"..data/{name}")

    def _write(self, path, file):
        group = -1 if self.security.fs_group is None else self.security.fs_group
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.content)
        os.chown(path, file.owner, group)
        os.chmod(path, file.mode | (0 if group == -1 else 0o440))

    def _files(self, source, mode):
        """The files of one source by relative path."""
        if "clusterAuthority" in source:
            return {source["clusterAuthority"]: File(self.cluster.api.authority, mode)}
        if token := source.get("serviceAccountToken"):
            content = self.cluster.token(token.get("audience"), token.get("expirationSeconds", 3600))
            return {token["path"]: File(content, 0o600, self.security.uid)}  # for nobody else
        if fields := source.get("downwardAPI"):
            return {item["path"]: File(self._field(item).encode(), item.get("mode", mode))
                    for item in fields["items"]}
        kind = "secret" if "secret" in source else "configMap"
        if kind not in source:
            raise Problem(f"a projected volume of {', '.join(source)} is not supported")
        reference = source[kind]
        data = self.cluster.read(kind, reference["name"], reference.get("optional", False))
        if "items" not in reference:
            return {key: File(content, mode) for key, content in data.items()}
        missing = [item["key"] for item in reference["items"] if item["key"] not in data]
        if missing and not reference.get("optional"):
            raise Problem(f"{kind} {reference['name']} has no key {missing[0]}")
        return {item["path"]: File(data[item["key"]], item.get("mode", mode))
                for item in reference["items"] if item["key"] in data}

    def _field(self, item):
        if "fieldRef" in item:
            return spec.field(self.cluster.pod, item["fieldRef"]["fieldPath"])
        container = spec.container_of(self.cluster.pod, item["resourceFieldRef"]["containerName"])
        return spec.resource(self.cluster.pod, container, item["resourceFieldRef"])
