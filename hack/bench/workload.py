# SPDX-License-Identifier: Apache-2.0
"""The clusters of a run, and how they are made and deleted."""
import contextlib
import json
import threading

API = "/apis/vitistack.io/v1alpha1"
CLUSTERS = f"{API}/namespaces/default/kubernetesclusters"
CONTROL_PLANES, WORKERS = 3, 5
MACHINES = CONTROL_PLANES + WORKERS
CONNECTIONS = 4  # over which clusters are made and deleted; more do not make the server faster on two cores


def cluster_manifest(name):
    def template(cores, memory):
        disks = [{"name": "system", "size": "40Gi", "storageClass": "fast"}]
        return {"metadata": {"labels": {"team": "platform"}},
                "spec": {"provider": "kubevirt", "machineClass": "general", "cpu": {"cores": cores}, "memory": memory,
                         "disks": disks, "networks": [{"name": "nodes", "vlan": 120}]}}

    return json.dumps({
        "apiVersion": "vitistack.io/v1alpha1", "kind": "KubernetesCluster", "metadata": {"name": name},
        "spec": {"clusterName": name, "kubernetesVersion": "v1.28.3", "talosVersion": "v1.5.5",
                 "clusterEndpoint": "https://192.168.1.100:6443", "podSubnets": ["10.244.0.0/16"],
                 "serviceSubnets": ["10.96.0.0/12"],
                 "controlPlane": {"replicas": CONTROL_PLANES, "machineTemplate": template(4, "8Gi")},
                 "workers": [{"name": "workers", "replicas": WORKERS, "machineTemplate": template(8, "16Gi")}]}}).encode()


def on_each(plane, names, action):
    """Calls action(connection, name) for all names, over a few connections at once."""
    queue, errors = iter(list(names)), []
    guard = threading.Lock()

    def work():
        try:
            with contextlib.closing(plane.connect()) as connection:
                while True:
                    with guard:
                        name = next(queue, None)
                    if name is None or errors:
                        return
                    action(connection, name)
        except Exception as error:  # handed to the caller below
            errors.append(error)

    threads = [threading.Thread(target=work, daemon=True) for _ in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
