# SPDX-License-Identifier: Apache-2.0
"""One cluster: its nodes, its etcd, its Kubernetes, and whether what must hold does hold."""
import asyncio

from .etcd import Etcd
from .world import REQUEST, Signal


class Cluster:
    """`endpoint` is where its Kubernetes API is to be; a configuration of its nodes may say otherwise."""

    def __init__(self, world, name, number, endpoint=None):
        self.world, self.name, self.number = world, name, number
        self.endpoint = endpoint or f"https://{world.prefix}.{number}.254:6443"
        self.nodes = {}
        self.etcd = None
        # The node, the cluster ID of its configuration and the request of each bootstrap.
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
        earlier = [each for each in self.bootstraps if each[1] == node.config.cluster_id]
        if earlier and not is_recovered:
            self.accuse("bootstrap-once", f"cluster {self.name} is bootstrapped on {node.name}, and was on "
                        f"{earlier[-1][0]}", [earlier[-1][2], request], unless={"bootstrap"})
        self.bootstraps.append((node.name, node.config.cluster_id, request))
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
        if request and len(self.etcd.voters) > 1:
            self.accuse("etcd-quorum", f"etcd of cluster {self.name} has lost its quorum: "
                        f"{sum(member.is_alive for member in self.etcd.voters)} of {len(self.etcd.voters)} voters are "
                        "left", [request], unless={"teardown"})

    def going_down(self, node):
        """A node goes down: two control planes must not be down at once because somebody asked for it."""
        request = REQUEST.get()
        if node.down_because is None and self.kubernetes:
            self.kubernetes.going_down(node, request)
        node.down_because = request
        if not request or not node.etcd_member:
            return
        for other in self.members:
            if other is not node and other.down_because and not other.is_ready and other.etcd_member \
                    and other.etcd is node.etcd:
                self.accuse("one-control-plane-down", f"{node.name} goes down while {other.name} is down, both on "
                            "request", [other.down_because, request], unless={"teardown"})

    def accuse(self, invariant, text, because, unless=frozenset()):
        """Tells of a violation, unless it is expected.

        A provider may hear later than others that a cluster is to go: then it waits until that must have come.
        """
        if self.expects & unless:
            return
        if self.world.patience and unless:
            self.world.spawn(self.accuse_later(invariant, text, because, unless))
        else:
            self.world.journal.violation(invariant, text, because, cluster=self.name)

    async def accuse_later(self, invariant, text, because, unless):
        await asyncio.sleep(self.world.patience)
        if not self.expects & unless:
            self.world.journal.violation(invariant, text, because, cluster=self.name)

    def configured(self, node, config):
        """A node that gets a configuration of another cluster than the others have is the wrong one."""
        others = {other.stored.cluster_id for other in self.nodes.values() if other is not node and other.stored}
        if others and config.cluster_id not in others:
            self.accuse("configuration-of-another-cluster", f"{node.name} gets a configuration of another cluster than "
                        "the other nodes", [REQUEST.get()], unless={"mixture"})

    def retired(self):
        """Forgets the etcd when the data of all its members is gone: a new cluster may begin on these nodes."""
        if self.etcd and not any(node.etcd is self.etcd for node in self.nodes.values()):
            self.etcd, self.had_quorum = None, False

    def state(self):
        """What the control interface shows."""
        etcd = self.etcd
        return {
            "name": self.name, "endpoint": self.endpoint, "hasAPI": self.has_api,
            "bootstraps": [name for name, _, _ in self.bootstraps], "expects": sorted(self.expects),
            "etcd": etcd and {
                "hasQuorum": etcd.has_quorum, "leader": f"{etcd.leader:016x}", "revision": etcd.revision,
                "recovered": etcd.is_recovered,
                "members": [{"id": f"{member.id:016x}", "name": member.name, "learner": member.is_learner,
                             "alive": member.is_alive, "alarms": sorted(member.alarms),
                             "node": member.node and member.node.name} for member in etcd.members.values()]},
            "nodes": {name: node.state() for name, node in self.nodes.items()},
        }
