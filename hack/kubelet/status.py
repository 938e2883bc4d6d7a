# SPDX-License-Identifier: Apache-2.0
"""What a kubelet tells the API server about a Pod: that it runs, whether it is ready, how it ended."""
import asyncio
import contextlib
import http.client
import ssl
import time

from .api import APIError


def now():
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


class Probe:
    """A readiness probe, sent to the port that the container's is published on."""

    def __init__(self, probe, ports, published):
        self.probe = probe
        action = probe.get("httpGet") or probe.get("tcpSocket") or {}
        number = action.get("port")
        number = ports.get(number, number)
        self.port = {ports[name]: port for name, port in published.items()}.get(number)

    def succeeds(self):
        """Whether the container is ready now; one without a probe always is."""
        if not self.port:
            return True
        action = self.probe.get("httpGet") or {}
        seconds = self.probe.get("timeoutSeconds", 1)
        if action.get("scheme", "HTTP") == "HTTPS":
            context = ssl._create_unverified_context()  # as the kubelet: it has no authority to check with
            connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=seconds, context=context)
        else:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=seconds)
        try:
            connection.request("GET", action.get("path", "/"))
            return 200 <= connection.getresponse().status < 400
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


class Reporter:
    """Keeps the status of a Pod that the API server has."""

    def __init__(self, api, pod, container, node):
        self.api, self.pod, self.container = api, pod, container
        self.has_node = bool(pod["spec"].get("nodeName"))
        pod["spec"].setdefault("nodeName", node)
        meta = pod["metadata"]
        self.path = f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}"
        self.started = now()
        self.reported = None

    def assign(self):
        """Gives the Pod its node, as a scheduler would: from then on somebody has to end it before it is gone."""
        if self.has_node:
            return
        target = {"apiVersion": "v1", "kind": "Node", "name": self.pod["spec"]["nodeName"]}
        body = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": self.pod["metadata"]["name"]},
                "target": target}
        self.api.request("POST", f"{self.path}/binding", body)

    def current(self):
        """The Pod as the server has it; None if it, or the one that this was, is gone."""
        try:
            pod = self.api.get(self.path)
        except APIError as error:
            if error.status == 404:
                return None
            raise
        return pod if pod["metadata"]["uid"] == self.pod["metadata"]["uid"] else None

    def report(self, is_ready, exit_code=None):
        """Writes the status unless it says so already."""
        if self.reported == (is_ready, exit_code):
            return
        state = {"running": {"startedAt": self.started}}
        phase = "Running"
        if exit_code is not None:
            phase = "Failed" if exit_code else "Succeeded"
            state = {"terminated": {"exitCode": exit_code, "startedAt": self.started, "finishedAt": now(),
                                    "reason": "Error" if exit_code else "Completed"}}
        truth = {True: "True", False: "False"}
        conditions = [{"type": kind, "status": truth[value], "lastTransitionTime": now()} for kind, value in (
            ("Initialized", True), ("Ready", is_ready), ("ContainersReady", is_ready), ("PodScheduled", True))]
        status = {"phase": phase, "podIP": "127.0.0.1", "podIPs": [{"ip": "127.0.0.1"}], "hostIP": "127.0.0.1",
                  "startTime": self.started, "conditions": conditions,
                  "containerStatuses": [{
                      "name": self.container["name"], "image": self.container["image"], "imageID": "",
                      "ready": is_ready, "started": exit_code is None, "restartCount": 0, "state": state}]}
        self.api.merge_patch(f"{self.path}/status", {"status": status})
        self.reported = (is_ready, exit_code)

    def finish(self, exit_code):
        """Says how it ended; a Pod that is to be deleted goes."""
        with contextlib.suppress(APIError, OSError):
            pod = self.current()
            if pod is None:
                return
            self.report(False, exit_code)
            if pod["metadata"].get("deletionTimestamp"):
                options = {"gracePeriodSeconds": 0,
                           "preconditions": {"uid": self.pod["metadata"]["uid"]}}
                self.api.request("DELETE", self.path, options)


async def keep(reporter, probe, stop):
    """Reports until it is cancelled; calls `stop` with the seconds left when the Pod is to go."""
    period = probe.probe.get("periodSeconds", 10) if probe.port else 10
    next_probe = 0.0
    is_ready = False
    while True:
        try:
            # A look at the Pod is cheap; a probe is made as often as the Pod wishes, but more often until it succeeds.
            if not is_ready or time.monotonic() >= next_probe:
                is_ready = await asyncio.to_thread(probe.succeeds)
                next_probe = time.monotonic() + period
            pod = await asyncio.to_thread(reporter.current)
            if pod is None:
                stop(0)
                return
            if pod["metadata"].get("deletionTimestamp"):
                stop(pod["metadata"].get("deletionGracePeriodSeconds"))
                return
            await asyncio.to_thread(reporter.report, is_ready)
        except (APIError, OSError):
            pass  # the server may be away for a while
        await asyncio.sleep(0.5)
