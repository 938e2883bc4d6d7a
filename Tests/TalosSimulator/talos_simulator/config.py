# SPDX-License-Identifier: Apache-2.0
"""Machine configurations as a node sees them: parsed, checked, and compared with one another."""
import difflib
import hashlib
import re

import yaml

from . import versions
from .errors import invalid

MACHINE = "v1alpha1"
SECTIONS = {"version", "debug", "persist", "machine", "cluster"}
MACHINE_KEYS = set("""acceptedCAs baseRuntimeSpecOverrides ca certSANs controlPlane disks env features files install
    kernel kubelet logging network nodeAnnotations nodeLabels nodeTaints pods registries seccompProfiles sysctls sysfs
    systemDiskEncryption time token type udev""".split())
CLUSTER_KEYS = set("""acceptedCAs adminKubeconfig aescbcEncryptionSecret aggregatorCA allowSchedulingOnControlPlanes
    allowSchedulingOnMasters apiServer ca clusterName controlPlane controllerManager coreDNS discovery etcd
    externalCloudProvider extraManifestHeaders extraManifests id inlineManifests network proxy scheduler secret
    secretboxEncryptionSecret serviceAccount token""".split())
# The documents besides the machine's own, and the version that knows them first.
KINDS = {
    (1, 5): "EventSinkConfig KmsgLogConfig SideroLinkConfig",
    (1, 6): "NetworkRuleConfig NetworkDefaultActionConfig",
    (1, 7): "ExtensionServiceConfig WatchdogTimerConfig",
    (1, 8): "KubeSpanEndpointsConfig TrustedRootsConfig VolumeConfig",
    (1, 10): "EthernetConfig PCIDriverRebindConfig UserVolumeConfig",
    (1, 11): "ExistingVolumeConfig RawVolumeConfig SwapVolumeConfig ZswapConfig",
    (1, 12): """BondConfig BridgeConfig DHCPv4Config DHCPv6Config DummyLinkConfig HCloudVIPConfig HostnameConfig
        Layer2VIPConfig LinkAliasConfig LinkConfig OOMConfig RegistryAuthConfig RegistryMirrorConfig RegistryTLSConfig
        ResolverConfig StaticHostConfig TimeSyncConfig VLANConfig WireguardConfig""",
    (1, 13): """BlackholeRouteConfig EnvironmentConfig ExternalVolumeConfig ImageVerificationConfig KubeSpanConfig
        RoutingRuleConfig TCPProbeConfig VRFConfig""",
}
# What changes without a reboot, below the machine's own document; those of LATER are not in 1.5.
LIVE = [("debug",), ("cluster",)] + [("machine", key) for key in """time certSANs install network sysfs sysctls logging
    controlPlane kubelet kernel registries pods seccompProfiles nodeLabels""".split()] + [
    ("machine", "features", key) for key in ("kubernetesTalosAPIAccess", "kubePrism")]
LATER = [("machine", key) for key in "ca acceptedCAs nodeAnnotations nodeTaints".split()] + [
    ("machine", "features", key) for key in ("hostDNS", "imageCache", "nodeAddressSortAlgorithm")]
# Keys whose values nobody else is to see.
SECRETS = {"token", "secret", "key", "aescbcEncryptionSecret", "secretboxEncryptionSecret", "password", "auth",
           "identityToken", "bootstraptoken"}


class Loader(yaml.CSafeLoader):
    """YAML 1.2 as Go reads it: `off` is text, and so are dates."""
    yaml_implicit_resolvers = {}


for tag, pattern, first in (
        ("null", r"~|null|Null|NULL|", "~nN\0"), ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
        ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
        ("float", r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN)",
         "-+0123456789.")):
    Loader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(f"^(?:{pattern})$"), list(first))
Loader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile("^$"), [""])
Loader.add_constructor("tag:yaml.org,2002:int", lambda loader, node: int(
    node.value, 0 if node.value[:2] in ("0x", "0o") else 10))


class Config:
    """One configuration: the bytes that were sent, and the documents in them."""

    def __init__(self, data, documents):
        self.data, self.documents = data, documents
        self.machine_document = documents.get((MACHINE, "", ""), {})

    def __eq__(self, other):
        return other is not None and self.documents == other.documents

    def get(self, *path, default=None):
        """The value below the machine's document."""
        value = self.machine_document
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
        return default if value is None else value

    def kind(self, kind):
        return next((document for (_, name, _), document in self.documents.items() if name == kind), {})

    @property
    def is_complete(self):
        return (MACHINE, "", "") in self.documents

    @property
    def type(self):
        kind = self.get("machine", "type", default="worker")
        return {"join": "worker", "": "worker", "init": "controlplane"}.get(kind, kind)

    @property
    def is_control_plane(self):
        return self.type == "controlplane"

    @property
    def cluster_id(self):
        return self.get("cluster", "id", default="")

    @property
    def hostname(self):
        """The name that it gives to the node, or None."""
        return self.kind("HostnameConfig").get("hostname") or self.get("machine", "network", "hostname")

    @property
    def digest(self):
        return hashlib.sha256(self.data).hexdigest()

    def secrets(self):
        """Every value that is secret, as text."""
        found = set()
        collect_secrets(self.documents, found)
        return found


def collect_secrets(value, found):
    if isinstance(value, dict):
        for key, inner in value.items():
            # Much is called key; those of certificates are PEM in base64.
            if key in SECRETS and isinstance(inner, str) and len(inner) > 8 and (
                    key != "key" or inner.startswith("LS0t")):
                found.add(inner)
            else:
                collect_secrets(inner, found)
    elif isinstance(value, list):
        for inner in value:
            collect_secrets(inner, found)


def parse(data, talos):
    """The configuration in these bytes, refused as a node that runs `talos` refuses it."""
    try:
        documents = [document for document in yaml.load_all(data, Loader) if document is not None]
    except (yaml.YAMLError, ValueError, UnicodeDecodeError) as error:
        raise invalid(f"failed to parse config: {' '.join(str(error).split())}") from None
    found = {}
    for document in documents:
        if not isinstance(document, dict):
            raise invalid("failed to parse config: yaml: unmarshal errors: document is no mapping")
        identity = identify(document, talos)
        if identity in found:
            raise invalid(f"failed to parse config: duplicate document: {'/'.join(filter(None, identity))}")
        found[identity] = document
    if not found:
        raise invalid("failed to parse config: no configuration documents found")
    return Config(data, found)


def identify(document, talos):
    kind = document.get("kind")
    if kind is None:
        if not SECTIONS & set(document) - {"version"}:
            raise invalid("failed to parse config: missing kind")
        unknown = [key for key in document if key not in SECTIONS]
        for section, keys in (("machine", MACHINE_KEYS), ("cluster", CLUSTER_KEYS)):
            unknown += [f"{section}.{key}" for key in (document.get(section) or {}) if key not in keys]
        if unknown:
            raise invalid("failed to parse config: unknown keys found during decoding:\n" + "\n".join(unknown))
        return (MACHINE, "", "")
    version = document.get("apiVersion")
    if not version:
        raise invalid("failed to parse config: missing apiVersion")
    known = {name for since, names in KINDS.items() if since <= talos.line for name in names.split()}
    if kind not in known or version != "v1alpha1":
        raise invalid(f'failed to parse config: "{kind}" "{version}": not registered')
    return (version, kind, str(document.get("name") or ""))


def validate(config, talos, *, is_installed, disks):
    """Refuses what `Validate` and `RuntimeValidate` of a node on metal refuse; an approximation."""
    problems = []
    if not config.get("machine"):
        problems.append("machine instructions are required")
    if not config.get("cluster"):
        problems.append("cluster instructions are required")
    if config.get("machine", "type", default="") not in ("init", "controlplane", "worker", "join", ""):
        problems.append(f'invalid machine type: "{config.get("machine", "type")}"')
    if config.get("cluster") and not str(config.get("cluster", "controlPlane", "endpoint", default="")):
        problems.append("cluster controlplane endpoint is required")
    problems += authority_problems(config, talos)
    problems += install_problems(config, talos, is_installed, disks)
    if talos.line >= (1, 12):
        static = config.get("machine", "network", "hostname")
        if config.kind("HostnameConfig") and (static or config.get("machine", "features", "stableHostname")):
            problems.append("static hostname is already set in v1alpha1 config")
        name = config.kind("HostnameConfig")
        if name.get("hostname") and name.get("auto") not in (None, "off"):
            problems.append("'auto' and 'hostname' cannot be set at the same time")
    if talos.line >= (1, 11):
        problems += image_problems(config, talos)
    if problems:
        lines = "".join(f"\n\t* {problem}" for problem in problems)
        noun = "error" if len(problems) == 1 else "errors"
        raise invalid(f"configuration validation failed: {len(problems)} {noun} occurred:{lines}\n\n")


def authority_problems(config, talos):
    key = config.get("machine", "ca", "key", default="")
    if config.is_control_plane:
        return [] if key else ["issuing Talos API CA key is required"] if config.get("machine") else []
    if talos.line >= (1, 7) and key:
        return ["issuing Talos API CA key is not allowed on non-controlplane nodes (machine.ca)"]
    return []


def install_problems(config, talos, is_installed, disks):
    if is_installed or not config.get("machine"):
        return []
    disk, selector = (config.get("machine", "install", key) for key in ("disk", "diskSelector"))
    if not config.get("machine", "install"):
        return ["install instructions are required in \"metal\" mode"]
    if not disk and not selector:
        return ["either install disk or diskSelector should be defined"]
    return []


def image_problems(config, talos):
    """Of the Kubernetes images whose version this Talos cannot run."""
    images = [config.get("machine", "kubelet", "image")]
    if config.is_control_plane:
        images += [config.get("cluster", key, "image") for key in ("apiServer", "controllerManager", "scheduler")]
    found = [versions.kubernetes_problem(talos, (versions.image_tag(image) or "").removesuffix("-fat")
             .removesuffix("-slim")) for image in images if image]
    return [problem for problem in found if problem]


def changed_paths(old, new, path=()):
    """The deepest paths at which two values differ."""
    if isinstance(old, dict) and isinstance(new, dict):
        paths = []
        for key in sorted(set(old) | set(new)):
            paths += changed_paths(old.get(key), new.get(key), path + (key,))
        return paths
    return [path] if old != new and not (empty(old) and empty(new)) else []


def empty(value):
    return value in (None, {}, [], "")


def reboot_reasons(old, new, talos):
    """The changes that need a reboot; further documents never do."""
    live = LIVE + (LATER if talos.line > (1, 5) else [])
    paths = changed_paths(old.machine_document, new.machine_document)
    return [path for path in paths if not any(path[:len(prefix)] == prefix for prefix in live)]


def redacted(value):
    if isinstance(value, dict):
        return {key: "******" if key in SECRETS and isinstance(inner, str) else redacted(inner)
                for key, inner in value.items()}
    return [redacted(inner) for inner in value] if isinstance(value, list) else value


def difference(old, new, talos):
    """How a node describes the change in a dry run, without the secrets that a real one shows."""
    if talos.line < (1, 8):
        paths = changed_paths(old.machine_document if old else {}, new.machine_document)
        return "\n".join(f"  {'.'.join(path)}: changed" for path in paths) or "No changes."
    before, after = ([] if config is None else yaml.safe_dump_all(
        redacted(list(config.documents.values())), sort_keys=True).splitlines() for config in (old, new))
    if old == new:
        return "No changes."
    lines = list(difflib.unified_diff(before, after, "a", "b", lineterm=""))
    return "\n".join(lines or ["--- a", "+++ b", "@@ secrets differ @@"])
