# SPDX-License-Identifier: Apache-2.0
"""What nodes hand out so that others may get in: kubeconfigs and talosconfigs."""
import base64
import datetime

import yaml
from talos_linux_api.v1_6_0 import machine

from . import pki

YEAR = datetime.timedelta(hours=8760)


def kubeconfig(node):
    """The administrator's, signed by the authority of the configuration."""
    pair = node.config.get("cluster", "ca", default={})
    authority = pki.Authority.decode(pair)
    key, certificate = authority.issue(pki.subject("admin", ["system:masters"]), pki.CLIENT_AUTH, node.now(), YEAR)
    name = node.config.get("cluster", "clusterName", default="cluster")
    user = f"admin@{name}"
    return yaml.safe_dump({
        "apiVersion": "v1", "kind": "Config",
        "clusters": [{"name": name, "cluster": {
            "server": node.config.get("cluster", "controlPlane", "endpoint"),
            "certificate-authority-data": pair.get("crt")}}],
        "users": [{"name": user, "user": {"client-certificate-data": base64.b64encode(certificate).decode(),
                                          "client-key-data": base64.b64encode(key).decode()}}],
        "contexts": [{"name": user, "context": {"cluster": name, "namespace": "default", "user": user}}],
        "current-context": user}, sort_keys=False)


def client_configuration(node, request):
    pair = node.config.get("machine", "ca", default={})
    authority = pki.Authority.decode(pair)
    lifetime = request.crt_ttl or YEAR
    key, certificate = authority.issue(pki.subject(None, request.roles or ["os:admin"]), pki.CLIENT_AUTH, node.now(),
                                       lifetime)
    key = pki.talos_pem(key)
    name = node.config.get("cluster", "clusterName", default="cluster")
    talosconfig = yaml.safe_dump({"context": name, "contexts": {name: {
        "endpoints": [each.address for each in node.cluster.members], "ca": pair.get("crt"),
        "crt": base64.b64encode(certificate).decode(), "key": base64.b64encode(key).decode()}}}, sort_keys=False)
    return machine.GenerateClientConfigurationResponse(messages=[machine.GenerateClientConfiguration(
        ca=authority.pem, crt=certificate, key=key, talosconfig=talosconfig.encode())])
