# SPDX-License-Identifier: Apache-2.0
"""The etcd of a cluster: members and learners, quorum and leader, alarms, and what of all that can be asked or done."""
import hashlib
from dataclasses import dataclass, field

from .errors import not_found, unknown

SNAPSHOT_HEAD = b"talos-simulator etcd "


@dataclass
class Member:
    """One member; `name` is empty until it has started for the first time."""
    id: int
    node: object
    name: str = ""
    is_learner: bool = False
    alarms: set = field(default_factory=set)

    @property
    def is_alive(self):
        return self.node is not None and self.node.etcd_is_running and self.node.etcd_member is self


class Etcd:
    """One etcd cluster; a second bootstrap makes a second one, as it does in reality."""

    def __init__(self, cluster, first, is_recovered=False):
        self.cluster = cluster
        self.members = {}
        self.leader = 0
        self.term, self.revision = 1, 1000
        self.is_recovered = is_recovered
        self.downgrade = ""
        self.add(first, is_learner=False)

    def add(self, node, is_learner):
        """A new member on this node; it has no name yet."""
        member = Member(self.cluster.world.random.getrandbits(64) | 1 << 63, node, is_learner=is_learner)
        self.members[member.id] = member
        node.etcd, node.etcd_member = self, member
        self.cluster.world.journal.change(node, "etcd-member-added", member=hexadecimal(member.id), learner=is_learner)
        return member

    @property
    def voters(self):
        return [member for member in self.members.values() if not member.is_learner]

    @property
    def has_quorum(self):
        voters = self.voters
        return 2 * sum(member.is_alive for member in voters) > len(voters)

    def would_have_quorum(self, without):
        """Whether it would have a quorum if these members were no longer alive."""
        voters = self.voters
        return 2 * sum(member.is_alive and member not in without for member in voters) > len(voters)

    def elect(self):
        """Sees to it that the leader is a living voter, if there can be one."""
        if not self.has_quorum:
            self.leader = 0
        elif self.leader not in self.members or not self.members[self.leader].is_alive \
                or self.members[self.leader].is_learner:
            self.leader = min(member.id for member in self.voters if member.is_alive)
            self.term += 1

    def require_quorum(self):
        self.elect()
        if not self.has_quorum:
            raise unknown("etcdserver: request timed out")

    def remove(self, member_id):
        """Takes a member out, which stops for good if it is alive."""
        self.require_quorum()
        member = self.members.get(member_id)
        if not member:
            raise not_found("etcdserver: member not found")
        remaining = [voter for voter in self.voters if voter is not member]
        if not member.is_learner and member.is_alive and \
                2 * sum(voter.is_alive for voter in remaining) <= len(remaining):
            raise unknown("etcdserver: re-configuration failed due to not enough started members")
        del self.members[member_id]
        self.touch()
        if member.node and member.node.etcd_member is member:
            member.node.etcd_was_removed()
        self.elect()
        return member

    def promote(self, member):
        member.is_learner = False
        self.touch()

    def touch(self):
        self.revision += 1

    def move_leadership(self, member):
        """Gives leadership to another voter, whose name is returned; "" if `member` was not the leader."""
        self.require_quorum()
        if self.leader != member.id:
            return ""
        others = [voter for voter in self.voters if voter is not member and voter.is_alive]
        if not others:
            raise unknown("cannot find a new leader member")
        self.leader = min(others, key=lambda voter: voter.id).id
        self.term += 1
        return self.members[self.leader].name

    def upgrade_problem(self, node):
        """Why a legacy upgrade of this node is refused, or None."""
        if not self.has_quorum:
            return "failed to create etcd client: context deadline exceeded"
        if len(self.members) == 2:
            return ("error validating etcd for upgrade: etcd member count 2 is insufficient to maintain quorum if "
                    "upgrade commences")
        for member in self.members.values():
            if not member.name:
                return ("error validating etcd for upgrade: etcd member "
                        f"{hexadecimal(member.id)} is not started, all members must be running to perform an upgrade")
            if not member.is_alive:
                return ("error validating etcd for upgrade: failed to read key from etcd member "
                        f"{hexadecimal(member.id)}: context deadline exceeded")
        return None

    def snapshot(self):
        """A snapshot: something for a database, and its digest at the end."""
        self.require_quorum()
        text = f"cluster {self.cluster.name} revision {self.revision} members {len(self.members)}\n".encode()
        database = (SNAPSHOT_HEAD + text).ljust(65536, b"\0")
        return database + hashlib.sha256(database).digest()


def snapshot_problem(data):
    """Why this is no snapshot, or None."""
    if len(data) < 32 or hashlib.sha256(data[:-32]).digest() != data[-32:]:
        return "snapshot file hash mismatch"
    return None if data.startswith(SNAPSHOT_HEAD) else "snapshot is no etcd database"


def hexadecimal(number):
    return f"{number:016x}"
