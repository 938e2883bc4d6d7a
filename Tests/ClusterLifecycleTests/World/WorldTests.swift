// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
import Testing

@Suite("Checker: the world refuses what the real one refuses")
struct WorldTests {
    /// A cluster of three control-plane nodes and two workers, on that release of Talos.
    private func world(talos: Int = 12) -> World {
        Scenario("world", 3, 2, talos: talos, kubernetes: min(talos + 22, 34)).start(seed: 1).world
    }

    private func ask(_ kind: LifecycleAction.Kind, _ node: String, _ world: inout World) -> ActionResult {
        let specification = world.management.specification
        return world.perform(LifecycleAction(kind, on: node), asOf: specification)
    }

    private func legacy(_ image: String, preserve: Bool) -> LifecycleAction.Kind {
        .upgrade(image: image, .legacy(preserve: preserve, stage: false, reboot: .default))
    }

    @Test("A node with data of etcd is not bootstrapped, nor is a worker")
    func bootstrap() {
        var world = world()
        #expect(ask(.bootstrap, "cp-0", &world) == .alreadyDone)
        #expect(ask(.bootstrap, "w-0", &world) == .refused("not a control-plane node"))
        #expect(world.bootstraps == 1)
    }

    @Test("A second bootstrap, on a node that was wiped, makes a second etcd")
    func splitBrain() throws {
        var world = world()
        let index = try #require(world.index(of: "cp-1"))
        world.nodes[index].etcd = nil
        #expect(ask(.bootstrap, "cp-1", &world) == .done)
        world.judgeEffect()
        #expect(world.violations.contains { $0.rule == .bootstrapOnce })
    }

    @Test("An upgrade call that is newer or older than the node is refused")
    func upgradeCalls() {
        var world = world()
        #expect(
            ask(.upgrade(image: "i/plain:v1.13.0", .lifecycle), "w-0", &world) == .refused("unimplemented"))
        #expect(ask(legacy("i/plain:v1.19.0", preserve: false), "w-0", &world).isRefused)
    }

    @Test("A control-plane node of up to 1.7 loses its data in an upgrade that does not keep them")
    func preserving() throws {
        var world = world(talos: 7)
        #expect(ask(legacy("i/plain:v1.8.0", preserve: false), "cp-2", &world) == .done)
        #expect(world.node("cp-2")?.etcd == nil)
        #expect(world.etcds.first?.members.count == 2)
        // It is busy, and etcd would not let another one go: two members are left.
        #expect(!ask(legacy("i/plain:v1.8.0", preserve: false), "cp-1", &world).isDone)
    }

    @Test("From 1.12 on a node that is told to preserve does not look at etcd")
    func blind() throws {
        var world = world()
        world.disturb("cp-0") { node, _ in node.isDead = true }
        world.disturb("cp-1") { node, _ in node.isDead = true }
        world.advance(60)
        #expect(!ask(legacy("i/plain:v1.13.0", preserve: false), "cp-2", &world).isDone)
        #expect(ask(legacy("i/plain:v1.13.0", preserve: true), "cp-2", &world).isDone)
    }

    @Test("The last member of etcd cannot leave, and without a quorum nobody can")
    func leaving() {
        var single = Scenario("one", 1, 0).start(seed: 1).world
        #expect(!ask(.leaveEtcd, "cp-0", &single).isDone)
        var world = world()
        world.disturb("cp-0") { node, _ in node.isDead = true }
        world.disturb("cp-1") { node, _ in node.isDead = true }
        world.advance(60)
        #expect(!ask(.leaveEtcd, "cp-2", &world).isDone)
    }

    @Test("A node that has left etcd joins it again when it boots")
    func joining() {
        var world = world()
        #expect(ask(.leaveEtcd, "cp-2", &world).isDone)
        world.advance(120)
        #expect(world.etcds.first?.members.count == 2)
        #expect(ask(.reboot(.default), "cp-2", &world).isDone)
        world.advance(300)
        #expect(world.etcds.first?.voters.count == 3)
    }

    @Test("A configuration that needs a reboot is not taken without one")
    func configuration() {
        var world = world()
        world.management.specification.rebooting = 1
        #expect(ask(.apply(.noReboot), "w-0", &world) == .refused("a reboot is needed"))
        #expect(ask(.apply(.staged), "w-0", &world).isDone)
        #expect(world.node("w-0")?.config?.rebooting == 0)
        #expect(ask(.reboot(.default), "w-0", &world).isDone)
        world.advance(300)
        #expect(world.node("w-0")?.config?.rebooting == 1)
    }

    @Test("A disruption budget lets no pod go that is needed")
    func budget() throws {
        var world = world()
        let nodes = world.kubernetes.pods.filter { $0.app == "web" }.compactMap(\.node)
        #expect(world.available("web") == 3)
        for node in nodes {
            for _ in 0..<10 { _ = ask(.drain(force: false), node, &world) }
        }
        #expect(world.available("web") == 2)
        for node in nodes {
            for _ in 0..<10 { _ = ask(.drain(force: true), node, &world) }
        }
        #expect(world.available("web") == 0)
    }

    @Test(
        "A machine in maintenance mode takes a configuration of whoever shows its key, and no other request")
    func maintenance() throws {
        var world = world()
        world.replaceMachine("w-1")
        world.advance(200)
        let key = try #require(world.node("w-1")?.fingerprint)
        #expect(!ask(.reboot(.default), "w-1", &world).isDone)
        #expect(ask(.apply(.install(fingerprint: "another")), "w-1", &world).isRefused)
        #expect(ask(.apply(.install(fingerprint: key)), "w-1", &world).isDone)
    }
}

extension ActionResult {
    fileprivate var isDone: Bool { self == .done || self == .alreadyDone }
    fileprivate var isRefused: Bool { if case .refused = self { true } else { false } }
}
