# SPDX-License-Identifier: Apache-2.0
"""Requests to the API server, with the credentials of a kubeconfig."""
import base64
import http.client
import json
import ssl
import subprocess
import urllib.parse
from pathlib import Path

from .problem import Problem


class APIError(Exception):
    def __init__(self, status, message):
        super().__init__(f"{status}: {message}")
        self.status = status


class APIServer:
    """`scratch` is a directory for the client's certificate and key, which Python reads from files alone."""

    def __init__(self, kubectl, kubeconfig, scratch):
        command = [kubectl, *(["--kubeconfig", kubeconfig] if kubeconfig else []),
                   "config", "view", "--minify", "--flatten", "--raw", "-o", "json"]
        try:
            config = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        except (OSError, subprocess.CalledProcessError) as error:
            raise Problem(f"{' '.join(command)}: {getattr(error, 'stderr', None) or error}") from error
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        url = urllib.parse.urlsplit(cluster["server"])
        self.host, self.port = url.hostname, url.port or 443
        self.authority = base64.b64decode(cluster["certificate-authority-data"])
        self.token = user.get("token")
        self.context = ssl.create_default_context(cadata=self.authority.decode())
        if "client-certificate-data" in user:
            files = []
            for key in ("client-certificate-data", "client-key-data"):
                files.append(Path(scratch, key))
                files[-1].write_bytes(base64.b64decode(user[key]))
            self.context.load_cert_chain(*files)

    def request(self, method, path, body=None, kind="application/json"):
        connection = http.client.HTTPSConnection(self.host, self.port, context=self.context, timeout=30)
        headers = {"Accept": "application/json", "Content-Type": kind}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            document = json.loads(answer.read() or b"{}")
        finally:
            connection.close()
        if answer.status >= 300:
            raise APIError(answer.status, f"{method} {path}: {document.get('message')}")
        return document

    def get(self, path):
        return self.request("GET", path)

    def merge_patch(self, path, body):
        return self.request("PATCH", path, body, "application/merge-patch+json")
