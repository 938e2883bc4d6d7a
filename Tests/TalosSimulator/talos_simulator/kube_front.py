# SPDX-License-Identifier: Apache-2.0
"""Where the Kubernetes API of a cluster is reached: its endpoint and the addresses of its control planes, with TLS.

Clients show a certificate that the cluster's authority has signed; only administrators get anything.
"""
import asyncio
import datetime
import hashlib
import ssl
import urllib.parse

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from . import http, pki
from .kube_text import status
from .world import REQUEST

PORT = 6443


class Front:
    """Open while the cluster has an API, refusing connections otherwise."""

    def __init__(self, cluster, backend):
        self.cluster, self.backend = cluster, backend
        self.servers = {}
        self.context = self.digest = None

    async def sync(self, is_ready):
        """Opens and closes what the state of the nodes wants open and closed."""
        wanted = self.wanted() if is_ready else {}
        for where in [where for where in self.servers if where not in wanted]:
            self.servers.pop(where).close()
        for where in wanted:
            if where not in self.servers:
                await self.open(where)

    def wanted(self):
        """Where it is to be open: host and port."""
        nodes = [node for node in self.cluster.members if node.runs_api_server]
        if not nodes:
            return {}
        endpoint = urllib.parse.urlsplit(nodes[0].config.get("cluster", "controlPlane", "endpoint", default=""))
        found = {(node.address, PORT): True for node in nodes}
        if endpoint.hostname and endpoint.hostname.startswith("127."):
            found[endpoint.hostname, endpoint.port or 443] = True
        return found

    async def open(self, where):
        server = http.Server(self.handle)
        try:
            # Left in the middle, it would listen with nobody to close it.
            await asyncio.shield(server.start(*where, context=self.tls()))
        except asyncio.CancelledError:
            asyncio.get_running_loop().call_later(1, server.close)
            raise
        except OSError as error:
            self.cluster.world.journal.add("change", cluster=self.cluster.name, node="", what="endpoint-not-open",
                                           endpoint=f"{where[0]}:{where[1]}", error=str(error))
            return
        self.servers[where] = server

    def tls(self):
        """Certificates for all addresses there are, made anew when these or the authority change."""
        node = next(node for node in self.cluster.members if node.runs_api_server)
        pair = node.config.get("cluster", "ca", default={})
        hosts = {"127.0.0.1", "localhost", *(where[0] for where in self.wanted())}
        hosts |= {str(san) for san in node.config.get("cluster", "apiServer", "certSANs", default=[])}
        digest = hashlib.sha256(repr((pair, sorted(hosts))).encode()).hexdigest()
        if digest != self.digest:
            authority = pki.Authority.decode(pair)
            key, certificate = authority.issue(
                pki.subject("kube-apiserver"), [ExtendedKeyUsageOID.SERVER_AUTH], self.cluster.world.now(),
                datetime.timedelta(days=1), sorted(hosts), skew=datetime.timedelta(minutes=5))
            self.context = pki.server_context(key, certificate, authority.pem, ["http/1.1"])
            self.context.verify_mode = ssl.CERT_OPTIONAL
            self.digest = digest
        return self.context

    async def handle(self, request):
        der = request.peer["ssl"].getpeercert(binary_form=True)
        anonymous = request.path in ("/readyz", "/livez", "/healthz", "/version")
        if not der and not anonymous:
            return 401, status(401, "Unauthorized", "Unauthorized")
        user, groups = identity(der) if der else ("system:anonymous", set())
        if "system:masters" not in groups and not anonymous:
            return 403, status(403, "Forbidden", f'User "{user}" cannot do this')
        entry = None
        if request.method != "GET":
            entry = self.cluster.world.journal.add(
                "kubernetes", cluster=self.cluster.name, node="", method=f"{request.method} {request.path}", user=user,
                fields=request.json() if self.is_shown(request) else {}, outcome=None)
            REQUEST.set(entry)
        answer = await self.answer(request, entry)
        if entry:
            entry["outcome"] = str(answer[0])
        return answer

    async def answer(self, request, entry):
        """The backend's, unless a fault strikes before or after it has acted."""
        decisions = self.cluster.world.faults.decide(
            self.cluster.name, "kubernetes", f"{request.method} {request.path}")
        if entry and decisions:
            entry["faults"] = [[decision.rule, decision.action] for decision in decisions]
        for decision in decisions:
            if decision.action == "delay":
                await asyncio.sleep(decision.seconds)
            elif decision.action == "hold":
                await decision.removal.wait()
            elif decision.action == "refuse":
                code = int(decision.options.get("code", 503))
                return code, status(code, "Injected", decision.options.get("message", "injected"))
            elif decision.at == "before":
                await lose(decision, request)
        answer = await self.backend.request(request.method, request.path, request.query, request.body or None,
                                            request.headers.get("content-type", "application/json"))
        for decision in decisions:
            if decision.at == "after":
                if entry and decision.action in ("cut", "hang"):
                    entry["outcome"] = f"{answer[0]}, LOST"
                await lose(decision, request)
        return answer

    @staticmethod
    def is_shown(request):
        """Whether the journal holds the body: of nodes and pods it holds no secret."""
        return request.body and "json" in request.headers.get("content-type", "json") and \
            request.path.startswith(("/api/v1/nodes", "/api/v1/namespaces/")) and "/secrets" not in request.path

    def close(self):
        for server in self.servers.values():
            server.close()
        self.servers = {}


async def lose(decision, request):
    """Lets the connection break, or nothing more come."""
    if decision.action == "cut":
        request.writer.transport.abort()
        raise ConnectionAbortedError
    if decision.action == "hang":
        await asyncio.get_running_loop().create_future()


def identity(der):
    """The user and the groups that a certificate names."""
    name = x509.load_der_x509_certificate(der).subject
    common = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return common[0].value if common else "", {
        each.value for each in name.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)}
