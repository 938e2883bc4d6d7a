# SPDX-License-Identifier: Apache-2.0
"""What a Pod's specification means for one of its containers: pure functions over the documents."""
import re
from decimal import Decimal, ROUND_CEILING

from .problem import Problem

# What a container runtime leaves to a container that says nothing.
DEFAULT_CAPABILITIES = {
    "CHOWN", "DAC_OVERRIDE", "FSETID", "FOWNER", "MKNOD", "NET_RAW", "SETGID", "SETUID", "SETFCAP", "SETPCAP",
    "NET_BIND_SERVICE", "SYS_CHROOT", "KILL", "AUDIT_WRITE"}
ACCOUNT_DIRECTORY = "/var/run/secrets/kubernetes.io/serviceaccount"
_SUFFIXES = {"": 1, "m": Decimal("0.001"), "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12,
             "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}


def container_of(pod, name=None):
    containers = pod["spec"]["containers"]
    found = [each for each in containers if name in (None, each["name"])]
    if not found:
        raise Problem(f"the Pod has no container {name}: only {', '.join(each['name'] for each in containers)}")
    return found[0]


def quantity(text):
    """`128Mi` as a number of bytes, `500m` as half a CPU."""
    match = re.fullmatch(r"([0-9.]+)([A-Za-z]*)", str(text))
    if not match or match[2] not in _SUFFIXES:
        raise Problem(f"not a quantity: {text}")
    return Decimal(match[1]) * _SUFFIXES[match[2]]


def field(pod, path):
    """The value of a fieldRef."""
    if match := re.fullmatch(r"metadata\.(labels|annotations)\['(.*)'\]", path):
        return pod["metadata"].get(match[1], {}).get(match[2], "")
    if path in ("metadata.labels", "metadata.annotations"):
        items = sorted(pod["metadata"].get(path[9:], {}).items())
        return "".join(f'{key}="{value}"\n' for key, value in items)
    if path in ("status.podIP", "status.hostIP", "status.podIPs"):
        return "127.0.0.1"
    known = ("metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName")
    if path not in known:
        raise Problem(f"fieldRef {path} is not supported")
    part, key = path.split(".")
    return pod[part].get(key) or {"serviceAccountName": "default"}.get(key, "")


def resource(pod, container, reference):
    """The value of a resourceFieldRef."""
    owner = container_of(pod, reference.get("containerName", container["name"]))
    kind, name = reference["resource"].split(".")
    resources = owner.get("resources", {})
    value = resources.get(kind, {}).get(name) or resources.get("limits", {}).get(name)
    if value is None:
        raise Problem(f"resourceFieldRef {reference['resource']}: the container has none")
    units = quantity(value) / quantity(reference.get("divisor") or "1")
    return str(int(units.to_integral_value(ROUND_CEILING)))


def expand(text, values):
    """$(NAME) becomes its value, $$(NAME) becomes $(NAME), and what nobody has set stays as it is."""
    def replacement(match):
        if match[0] == "$$":
            return "$"
        return values.get(match[1], match[0])
    return re.sub(r"\$\$|\$\(([A-Za-z_][A-Za-z0-9_.-]*)\)", replacement, text)


def environment(pod, container, image, service, read):
    """The container's variables. `read(kind, name)` returns the data of a ConfigMap or Secret, as bytes."""
    values = {"HOSTNAME": pod["metadata"]["name"], **image.get("env", {}), **service}
    for source in container.get("envFrom", []):
        for kind in ("configMap", "secret"):
            if reference := source.get(f"{kind}Ref"):
                data = read(kind, reference["name"], reference.get("optional", False))
                values |= {source.get("prefix", "") + key: text.decode() for key, text in data.items()}
    for variable in container.get("env", []):
        value = _value(pod, container, variable, read)
        if value is not None:
            values[variable["name"]] = expand(value, values)
    return values


def _value(pod, container, variable, read):
    source = variable.get("valueFrom")
    if not source:
        return variable.get("value", "")
    if "fieldRef" in source:
        return field(pod, source["fieldRef"]["fieldPath"])
    if "resourceFieldRef" in source:
        return resource(pod, container, source["resourceFieldRef"])
    kind = "secret" if "secretKeyRef" in source else "configMap"
    reference = source[f"{kind}KeyRef"]
    data = read(kind, reference["name"], reference.get("optional", False))
    if reference["key"] in data:
        return data[reference["key"]].decode()
    if reference.get("optional"):
        return None
    raise Problem(f"{variable['name']}: {kind} {reference['name']} has no key {reference['key']}")


def command(container, image, values):
    """The argument vector: `command` replaces the image's entrypoint and its arguments, `args` its arguments."""
    entrypoint = container.get("command") or image.get("entrypoint", [])
    arguments = container.get("args")
    if arguments is None:
        arguments = [] if container.get("command") else image.get("cmd", [])
    words = [expand(word, values) for word in [*entrypoint, *arguments]]
    if not words:
        raise Problem("neither the Pod nor the image says what to run")
    return words


class Security:
    """Whom the container runs as, and with what rights."""

    def __init__(self, pod, container, image):
        own, shared = container.get("securityContext") or {}, pod["spec"].get("securityContext") or {}
        user, _, group = image.get("user", "").partition(":")
        both = {**shared, **own}
        self.uid = both.get("runAsUser")
        if self.uid is None:
            self.uid = self._number(user or "0", both.get("runAsNonRoot"))
        self.gid = both.get("runAsGroup")
        if self.gid is None:
            self.gid = self._number(group or "0", False)
        if both.get("runAsNonRoot") and self.uid == 0:
            raise Problem("runAsNonRoot is set, and the container would run as root")
        self.fs_group = shared.get("fsGroup")
        self.groups = sorted({*shared.get("supplementalGroups", []), *([self.fs_group] if self.fs_group else [])})
        self.may_gain_rights = own.get("allowPrivilegeEscalation", True)
        self.is_root_read_only = own.get("readOnlyRootFilesystem", False)
        changes = own.get("capabilities", {})
        dropped = {name.upper() for name in changes.get("drop", [])}
        kept = set() if "ALL" in dropped else DEFAULT_CAPABILITIES - dropped
        self.capabilities = kept | {name.upper() for name in changes.get("add", [])}
        self.seccomp = (both.get("seccompProfile") or {}).get("type", "Unconfined")
        if own.get("privileged"):
            raise Problem("privileged containers are not run here")

    @staticmethod
    def _number(text, is_checked):
        if not text.isdigit():
            because = "runAsNonRoot cannot be checked" if is_checked else "only numbers are understood here"
            raise Problem(f"the image's user is {text}: {because}")
        return int(text)


def ports(container):
    """Name and number of each port the container declares, and those that its probes name by number."""
    found = {each.get("name") or str(each["containerPort"]): each["containerPort"]
             for each in container.get("ports", []) if each.get("protocol", "TCP") == "TCP"}
    probe = container.get("readinessProbe", {})
    number = (probe.get("httpGet") or probe.get("tcpSocket") or {}).get("port")
    if isinstance(number, int) and number not in found.values():
        found[str(number)] = number
    return found
