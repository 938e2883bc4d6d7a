# SPDX-License-Identifier: Apache-2.0
"""One cluster: its nodes, its etcd, its Kubernetes, and whether what must hold does hold."""
from .etcd import Etcd
from .world import REQUEST, Signal


class Cluster:
    """`endpoint` is where its Kubernetes API is to be; a configuration of its nodes may say otherwise."""

    def __init__(self, world, name, number, endpoint=None):
        self.world, self.name, self.number = world, name, number
        self.endpoint = endpoint or f"https://{world.prefix}.{number}.254:6443"
        self.nodes = {}
        self.etcd = None
        self.bootstraps = []
        self.signal = Signal()
        self.kubernetes = None
        # What a test says is about to happen: "teardown", so that quorum may be lost.
        self.expects = set()
        # Nodes that nobody may reset.
        self.protected = set()
        self.had_quorum = False

    @property
    def members(self):
        """The nodes that are configured as control planes."""
        return [node for node in self.nodes.values() if node.stored and node.stored.is_control_plane]

    @property
    def has_trustd(self):
        """Whether a worker can get a certificate."""
        return any(node.is_up and node.services.get("trustd") == "Running" for node in self.members)

    @property
    def has_api(self):
        """Whether the Kubernetes API answers."""
        return bool(self.etcd and self.etcd.has_quorum) and any(node.runs_api_server for node in self.members)

    def bootstrap(self, node, is_recovered):
        """Makes a new etcd with this node as its first member."""
        request = REQUEST.get()
        if self.bootstraps and not is_recovered and self.etcd and \
                any(member.node is not None for member in self.etcd.members.values()):
            self.world.journal.violation(
                "bootstrap-once", f"cluster {self.name} is bootstrapped on {node.name}, and was on "
                f"{self.bootstraps[-1][0]}", [self.bootstraps[-1][1], request], cluster=self.name)
        self.bootstraps.append((node.name, request))
        self.etcd = Etcd(self, node, is_recovered)
        self.world.journal.change(node, "bootstrapped", recovered=is_recovered)

    def changed(self):
        """Looks at quorum and leadership again after a member came or went, and wakes those who wait."""
        if self.etcd:
            self.etcd.elect()
            has_quorum = self.etcd.has_quorum
            if self.had_quorum and not has_quorum:
                self.quorum_lost()
            if has_quorum != self.had_quorum:
                self.world.journal.add("change", cluster=self.name, node="", what="quorum", holds=has_quorum)
            self.had_quorum = has_quorum
        self.signal.fire()

    def quorum_lost(self):
        request = REQUEST.get()
        if request and len(self.etcd.voters) > 1 and "teardown" not in self.expects:
            self.world.journal.violation(
                "etcd-quorum", f"etcd of cluster {self.name} has lost its quorum: "
                f"{sum(member.is_alive for member in self.etcd.voters)} of {len(self.etcd.voters)} voters are left",
                [request], cluster=self.name)

    def going_down(self, node):
        """A node goes down: two control planes must not be down at once because somebody asked for it."""
        request = REQUEST.get()
        if node.down_because is None and self.kubernetes:
            self.kubernetes.going_down(node, request)
        node.down_because = request
        if not request or not node.etcd_member or "teardown" in self.expects:
            return
        for other in self.members:
            if other is not node and other.down_because and not other.is_ready and other.etcd_member \
                    and other.etcd is node.etcd:
                self.world.journal.violation(
                    "one-control-plane-down", f"{node.name} goes down while {other.name} is down, both on request",
                    [other.down_because, request], cluster=self.name)

    def retired(self):
        """Forgets the etcd when the data of all its members is gone: a new cluster may begin on these nodes."""
        if self.etcd and not any(node.etcd is self.etcd for node in self.nodes.values()):
            self.etcd, self.had_quorum = None, False

    def state(self):
        """What the control interface shows."""
        etcd = self.etcd
        return {
            "name": self.name, "endpoint": self.endpoint, "hasAPI": self.has_api,
            "bootstraps": [name for name, _ in self.bootstraps], "expects": sorted(self.expects),
            "etcd": etcd and {
                "hasQuorum": etcd.has_quorum, "leader": f"{etcd.leader:016x}", "revision": etcd.revision,
                "recovered": etcd.is_recovered,
                "members": [{"id": f"{member.id:016x}", "name": member.name, "learner": member.is_learner,
                             "alive": member.is_alive, "alarms": sorted(member.alarms),
                             "node": member.node and member.node.name} for member in etcd.members.values()]},
            "nodes": {name: node.state() for name, node in self.nodes.items()},
        }
