# SPDX-License-Identifier: Apache-2.0
"""The interface for tests: what is to be simulated, what goes wrong, and what happened.

  GET    /state                                every cluster with its nodes and its etcd
  POST   /clusters                             {"name", "kubernetes": "none|model|real", "endpoint"?}
  GET    /clusters/C                           one cluster
  DELETE /clusters/C                           with all its nodes
  POST   /clusters/C/nodes                     {"name"?, "version"?, "schematic"?, "disks"?, "address"?, "on"?}
  DELETE /clusters/C/nodes/N                   the machine is gone, whatever it was
  POST   /clusters/C/nodes/N/power             {"to": "on|off|black-hole"}: the plug; "off" is a dead node
  POST   /clusters/C/nodes/N/conditions        {"add": […], "remove": […]}
  POST   /clusters/C/nodes/N/skew              {"seconds": 3600}: its clock
  POST   /clusters/C/nodes/N/alarms            {"add": ["NOSPACE"], "remove": […]}: of its etcd member
  POST   /clusters/C/nodes/N/cut               breaks its connections
  POST   /clusters/C/expects                   {"add": […], "remove": […]}: teardown, disruption, bootstrap, mixture
  POST   /clusters/C/protected                 {"nodes": […]}: which nobody may reset
  GET    /clusters/C/kubernetes/PATH           what its Kubernetes API has there, asked as an administrator
  …      /clusters/C/kubernetes/PATH           the same with another method: POST, PUT, PATCH, DELETE
  POST   /clusters/C/workloads                 {"name", "namespace"?, "replicas"?, "labels"?, "budget"?}: pods that
                                               come again when evicted; budget is {"minAvailable": 1} or alike
  GET    /faults, POST /faults, DELETE /faults[/RULE]
  POST   /delays                               {"delay": 0.2, "steps": {"install": 2}}
  GET    /journal?since=0&wait=5&kind=request,change,violation,refused,defect
  GET    /violations
  POST   /provider                             {"kubeconfig", "version", "schematic"?, "kubernetes"?, "namespace"?}:
                                               each Machine of that API server becomes a node
  POST   /provider/hold                        {"machines": […]}: of which it makes no node yet
  POST   /scan                                 {"text"?}: looks for secrets in a text, or in what the provider's API
                                               server shows to everybody; each one found is a violation
"""
from . import faults, http
from .cluster import Cluster
from .kubernetes import attach
from .node import Node
from .provider import Provider

CONDITIONS = {"time-not-in-sync", "full-disk", "disk-not-empty", "learner-stuck", "upgrade-rolls-back", "upgrade-fails",
              "boot-hangs", "kubelet-unhealthy", "image-missing"}
# What would be a violation and is meant: quorum and budgets, when a cluster goes; a second bootstrap; nodes of several
# clusters in one.
EXPECTATIONS = {"teardown", "disruption", "bootstrap", "mixture"}


class Problem(Exception):
    """A request that cannot be done."""

    def __init__(self, text, status=400):
        super().__init__(text)
        self.status = status


class Control:
    """Reads requests for the world and answers them."""

    def __init__(self, world, options):
        self.world, self.options = world, options
        self.server = http.Server(self.handle)
        self.provider = None

    async def handle(self, request):
        try:
            parts = [part for part in request.path.split("/") if part]
            answer = await self.route(request, parts)
            return answer if isinstance(answer, tuple) else (200, answer)
        except Problem as problem:
            return problem.status, {"error": str(problem)}
        except (faults.RuleError, ValueError, KeyError, TypeError, AttributeError) as error:
            return 400, {"error": f"{type(error).__name__}: {error}"}

    async def route(self, request, parts):
        match request.method, parts:
            case "GET", []:
                return 200, __doc__.encode()
            case "GET", ["state"]:
                return {name: cluster.state() for name, cluster in self.world.clusters.items()}
            case "GET", ["journal"]:
                return await self.journal(request.query)
            case "GET", ["violations"]:
                return self.world.journal.violations
            case _, ["faults", *rest]:
                return self.faults(request, rest)
            case "POST", ["provider"]:
                return self.provide(**request.json())
            case "POST", ["provider", "hold"]:
                await self.provider.hold(set(request.json()["machines"]))
                return sorted(self.provider.held)
            case "POST", ["scan"]:
                return await self.scan(request.json())
            case "POST", ["delays"]:
                return self.delays(request.json())
            case "POST", ["clusters"]:
                return (await self.add_cluster(**request.json())).state()
            case _, ["clusters", name, *rest]:
                return await self.cluster(self.find(self.world.clusters, name, "cluster"), request, rest)
        raise Problem(f"there is no {request.method} {request.path}", 404)

    @staticmethod
    def find(among, name, what):
        if name not in among:
            raise Problem(f"there is no {what} {name}", 404)
        return among[name]

    async def journal(self, query):
        journal, since = self.world.journal, int(query.get("since", 0))
        if "wait" in query:
            await journal.wait_beyond(since, float(query["wait"]))
        kinds = set(filter(None, query.get("kind", "").split(",")))
        return {"last": journal.last, "entries": journal.since(since, kinds)}

    def faults(self, request, rest):
        book = self.world.faults
        match request.method, rest:
            case "GET", []:
                return {number: rule.text | {"matched": rule.ordinal} for number, rule in book.rules.items()}
            case "POST", []:
                return {"rule": book.add(request.json())}
            case "DELETE", []:
                book.clear()
                return {}
            case "DELETE", [number]:
                book.remove(int(number))
                return {}
        raise Problem(f"there is no {request.method} {request.path}", 404)

    def delays(self, wanted):
        unknown = set(wanted.get("steps", {})) - set(self.world.steps)
        if unknown:
            raise Problem(f"there is no step {', '.join(sorted(unknown))}")
        self.world.delay = float(wanted.get("delay", self.world.delay))
        self.world.steps |= wanted.get("steps", {})
        return {"delay": self.world.delay, "steps": self.world.steps}

    def provide(self, kubeconfig, **options):
        if self.provider:
            self.provider.stop()
        self.provider = Provider(self, kubeconfig, **options)
        return {}

    async def scan(self, wanted):
        if "text" not in wanted:
            return await self.provider.scan()
        if any(secret in wanted["text"] for secret in self.world.secrets):
            self.world.journal.violation("no-secret-leaked", "a secret stands in a text")
            return ["text"]
        return []

    async def add_cluster(self, name, kubernetes="none", endpoint=None, number=1):
        if name in self.world.clusters:
            raise Problem(f"there is a cluster {name} already", 409)
        taken = {cluster.number for cluster in self.world.clusters.values()}
        numbers = [*range(number, 255), *range(1, number)]
        number = next(number for number in numbers if number not in taken)
        cluster = self.world.clusters[name] = Cluster(self.world, name, number, endpoint)
        cluster.next_node = 1
        await attach(cluster, kubernetes, self.options)
        return cluster

    async def cluster(self, cluster, request, rest):
        match request.method, rest:
            case "GET", []:
                return cluster.state()
            case "DELETE", []:
                return await self.remove_cluster(cluster)
            case "POST", ["nodes"]:
                return self.add_node(cluster, **request.json()).state()
            case "POST", ["expects"]:
                change(cluster.expects, request.json(), EXPECTATIONS)
                return sorted(cluster.expects)
            case "POST", ["protected"]:
                cluster.protected = set(request.json()["nodes"])
                return sorted(cluster.protected)
            case "DELETE", ["nodes", name]:
                return await self.remove_node(self.find(cluster.nodes, name, "node"))
            case "POST", ["nodes", name, what]:
                return await self.node(self.find(cluster.nodes, name, "node"), what, request.json())
            case "POST", ["workloads"]:
                await cluster.kubernetes.pods.add_workload(**request.json())
                return {}
            case method, ["kubernetes", *_]:
                return await self.kubernetes(cluster, method, request)
        raise Problem(f"there is no {request.method} {request.path}", 404)

    def add_node(self, cluster, name=None, on=True, address=None, **options):
        if not address:
            taken = {node.address for node in cluster.nodes.values()}
            address = f"{self.world.prefix}.{cluster.number}.{cluster.next_node}"
            while address in taken:
                cluster.next_node = cluster.next_node % 250 + 1
                address = f"{self.world.prefix}.{cluster.number}.{cluster.next_node}"
        name = name or f"{cluster.name}-{cluster.next_node}"
        cluster.next_node += 1
        if name in cluster.nodes:
            raise Problem(f"there is a node {name} already", 409)
        node = cluster.nodes[name] = Node(cluster, name, address, **options)
        if on:
            node.power_on()
        return node

    async def remove_node(self, node):
        await node.power_off("gone")
        del node.cluster.nodes[node.name]
        if node.etcd_member:
            node.etcd_member.node = None
        node.etcd = node.etcd_member = None
        node.cluster.retired()
        node.cluster.changed()
        node.tell_kubernetes()
        return {}

    async def remove_cluster(self, cluster):
        cluster.expects.add("teardown")
        for node in list(cluster.nodes.values()):
            await self.remove_node(node)
        if cluster.kubernetes:
            await cluster.kubernetes.stop()
        del self.world.clusters[cluster.name]
        return {}

    async def node(self, node, what, wanted):
        match what:
            case "power":
                await self.power(node, wanted["to"])
            case "conditions":
                change(node.conditions, wanted, CONDITIONS)
                node.changed()
            case "skew":
                node.clock_skew = type(node.clock_skew)(seconds=wanted["seconds"])
            case "alarms":
                if not node.etcd_member:
                    raise Problem(f"{node.name} is no member of an etcd")
                change(node.etcd_member.alarms, wanted, {"NOSPACE", "CORRUPT"})
            case "cut":
                node.listener.cut_connections()
            case _:
                raise Problem(f"a node has no {what}", 404)
        node.world.journal.change(node, what, wanted=wanted)
        return node.state()

    @staticmethod
    async def power(node, to):
        if to not in ("on", "off", "black-hole"):
            raise Problem(f"power is on, off or black-hole, not {to!r}")
        if to != "on":
            await node.power_off(to)
        elif node.power != "on":
            node.listener.close()
            node.power_on()

    async def kubernetes(self, cluster, method, request):
        if not cluster.kubernetes:
            raise Problem(f"cluster {cluster.name} has no Kubernetes", 404)
        path = "/" + request.path.split("/kubernetes/", 1)[1]
        return await cluster.kubernetes.request(method, path, request.query, request.body or None,
                                                request.headers.get("content-type", "application/json"))


def change(values, wanted, known):
    """Adds and removes what a request names, if it is known."""
    unknown = set(wanted.get("add", [])) - known
    if unknown:
        raise Problem(f"{', '.join(sorted(unknown))}: not one of {', '.join(sorted(known))}")
    values |= set(wanted.get("add", []))
    values -= set(wanted.get("remove", []))
