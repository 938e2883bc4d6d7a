# SPDX-License-Identifier: Apache-2.0
"""The port of a node: closed while it is down, without client certificates in maintenance mode, else with them."""
import asyncio
import datetime
import logging
import socket

import grpclib.server
from cryptography.x509.oid import ExtendedKeyUsageOID
from grpclib.config import Configuration
from grpclib.protocol import H2Protocol

from . import pki
from .dispatch import Methods

logging.getLogger("grpclib").setLevel(logging.CRITICAL)
logging.getLogger("asyncio").setLevel(logging.CRITICAL)

SERVER_AUTH = [ExtendedKeyUsageOID.SERVER_AUTH]
WINDOW = 8 << 20


class Protocol(H2Protocol):
    """One connection; it knows who is at the other end."""

    def __init__(self, server, *arguments):
        super().__init__(*arguments)
        self.server = server

    def connection_made(self, transport):
        super().connection_made(transport)
        self.connection.roles = set()
        self.server.transports.add(transport)
        if not self.server.is_secure:
            return
        node = self.server.node
        peer = pki.Peer(transport.get_extra_info("ssl_object").getpeercert(binary_form=True), node.now())
        self.connection.roles = peer.roles
        if not (peer.is_client and peer.is_valid):
            node.world.journal.add("refused", cluster=node.cluster.name, node=node.name,
                                   why="certificate not valid now" if peer.is_client else "certificate of no client")
            transport.abort()

    def connection_lost(self, error):
        self.server.transports.discard(self.connection._transport)
        super().connection_lost(error)


class Server(grpclib.server.Server):
    """A gRPC server that hands all methods to one node, and whose connections can be cut."""

    def __init__(self, node, is_secure):
        super().__init__([], config=Configuration(
            http2_connection_window_size=WINDOW, http2_stream_window_size=WINDOW))
        self.node, self.is_secure = node, is_secure
        self.transports = set()
        self._mapping = Methods(node, is_secure)

    def _protocol_factory(self):
        getattr(self, "_GC__gc_step__", lambda: None)()
        handler = grpclib.server.Handler(self._mapping, self._codec, self._status_details_codec, self.__dispatch__)
        self._handlers.add(handler)
        return Protocol(self, handler, self._config, self._h2_config)

    def cut(self):
        """Ends everything at once, without a word to anybody."""
        if self._server:
            self.close()
        for transport in list(self.transports):
            # TLS would still want to say goodbye.
            transport.abort()


class Listener:
    """The one port of a node, in one of its states."""

    def __init__(self, node):
        self.node = node
        self.server = self.socket = None
        self.fingerprint = None

    @property
    def where(self):
        return self.node.address, self.node.world.port

    async def open_insecurely(self):
        key, certificate = pki.self_signed(self.node.hosts(), self.node.now())
        self.fingerprint = pki.fingerprint(certificate)
        await self.open(pki.server_context(key, certificate), is_secure=False)

    async def open_securely(self):
        """With a certificate of the cluster's authority, that of the configuration or of a control plane's."""
        node = self.node
        authority = self.authority()
        key, certificate = authority.issue(
            pki.subject(node.hostname), SERVER_AUTH, node.now(), datetime.timedelta(days=1), node.hosts(),
            skew=datetime.timedelta(minutes=5))
        accepted = authority.pem + b"".join(pki.accepted(node.config))
        self.fingerprint = pki.fingerprint(certificate)
        await self.open(pki.server_context(key, certificate, accepted), is_secure=True)

    def authority(self):
        for node in [self.node, *self.node.cluster.members]:
            if node.config and node.config.is_control_plane:
                return pki.Authority.decode(node.config.get("machine", "ca", default={}))
        raise RuntimeError(f"{self.node.name} has no control plane to get a certificate from")

    async def open(self, context, is_secure):
        self.close()
        server = Server(self.node, is_secure)
        start = asyncio.ensure_future(server.start(*self.where, ssl=context, backlog=128))
        try:
            # Left in the middle, it would listen with nobody to close it.
            await asyncio.shield(start)
        except asyncio.CancelledError:
            start.add_done_callback(lambda _: server.cut())
            raise
        self.server = server

    async def open_silently(self):
        """Connections are taken by the kernel, and nothing ever comes back."""
        self.close()
        self.socket = socket.create_server(self.where, backlog=128)

    def close(self):
        if self.server:
            self.server.cut()
        if self.socket:
            self.socket.close()
        self.server = self.socket = None

    def cut_connections(self):
        if self.server:
            for transport in list(self.server.transports):
                transport.abort()
