// SPDX-License-Identifier: Apache-2.0
import TestSupport

/// What one writer does, round after round: the same for the same seed, whatever comes of it.
///
/// Each writer has clusters of its own, whose names have no hyphen, so the order of what is done to a cluster is known.
struct Script {
    let writer: Int
    private var random: SeededGenerator
    private var clusters: [Slot]
    private var serial = 0

    private struct Slot {
        let name: String
        var intent: ClusterIntent?
        /// Names in which Machines of somebody else's stand, maybe.
        var planted: [String] = []
        var isTouched = false
        /// Nothing more may be done to it in this round.
        var isClosed = false
    }

    init(seed: UInt64, writer: Int, clusters: Int = 2) {
        self.writer = writer
        random = SeededGenerator(seed: seed &* 1_000_003 &+ UInt64(writer))
        self.clusters = (0..<clusters).map { Slot(name: "w\(writer)\(["a", "b", "c", "d"][$0 % 4])") }
    }

    /// The next round.
    mutating func round(_ count: Int) -> [Operation] {
        for index in clusters.indices {
            (clusters[index].isTouched, clusters[index].isClosed) = (false, false)
        }
        var operations: [Operation] = []
        // A round in which every cluster is closed early is a short one.
        for _ in 0..<count * 4 where operations.count < count {
            let index = pick(clusters.indices)
            var slot = clusters[index]
            guard !slot.isClosed, let operation = next(&slot) else { continue }
            slot.isTouched = true
            clusters[index] = slot
            operations.append(operation)
        }
        return operations
    }

    // MARK: Choices

    private mutating func next(_ slot: inout Slot) -> Operation? {
        guard let intent = slot.intent else { return recreate(&slot) }
        if intent.isBroken, pick(0..<4) > 0 { return mend(&slot, intent) }
        if intent.isBroken { return delete(&slot) }
        switch pick(0..<100) {
        case ..<22: return edit(&slot, intent, Self.scalings)
        case ..<34: return edit(&slot, intent, Self.edits)
        case ..<38: return edit(&slot, intent, Self.regroupings)
        case ..<42: return slot.isTouched ? nil : spoil(&slot, intent)
        case ..<50: return delete(&slot)
        case ..<53: return .strip(cluster: slot.name)
        case ..<56: return .forgeStatus(cluster: slot.name)
        case ..<60: return .scribble(cluster: slot.name, machine: pick(intent.machines))
        case ..<66: return plantOrUproot(&slot, intent)
        default: return .machine(pick(intent.machines), machineAction())
        }
    }

    private mutating func recreate(_ slot: inout Slot) -> Operation {
        var intent = ClusterIntent(name: slot.name)
        intent.controlPlane = pick([1, 1, 1, 3, 3, 5])
        for name in ["w", "gpu", "x"].prefix(pick(0...3)) {
            intent.workers.append(ClusterIntent.Group(name: name, replicas: pick(0...4)))
        }
        slot.intent = intent
        return .create(intent)
    }

    private func delete(_ slot: inout Slot) -> Operation {
        slot.intent = nil
        return .delete(cluster: slot.name)
    }

    private func mend(_ slot: inout Slot, _ intent: ClusterIntent) -> Operation {
        var mended = intent
        mended.isBroken = false
        slot.intent = mended
        return .edit(intent, mended, what: "mend")
    }

    private func spoil(_ slot: inout Slot, _ intent: ClusterIntent) -> Operation {
        var broken = intent
        broken.isBroken = true
        (slot.intent, slot.isClosed) = (broken, true)
        return .edit(intent, broken, what: "break")
    }

    private mutating func plantOrUproot(_ slot: inout Slot, _ intent: ClusterIntent) -> Operation? {
        if !slot.planted.isEmpty, pick(0..<2) == 0 {
            return .uproot(machine: slot.planted.remove(at: pick(slot.planted.indices)))
        }
        guard slot.planted.count < 2, !intent.workers.isEmpty else { return nil }
        let group = pick(intent.workers)
        let name = "\(slot.name)-\(group.name)-\(group.replicas + pick(0...1))"
        guard !slot.planted.contains(name) else { return nil }
        slot.planted.append(name)
        return .plant(machine: name, owner: pick(Operation.Stranger.allCases))
    }

    private mutating func machineAction() -> Operation.MachineAction {
        serial += 1
        let value = "\(writer)-\(serial)"
        switch pick(0..<16) {
        case ..<7: return .report(phase: "Running", ready: pick([nil, true, true]))
        case 7: return .report(phase: "Running", ready: false)
        case 8: return .report(phase: "Failed", ready: nil)
        case 9: return .annotate(value)
        case 10: return .fill(value)
        case 11: return .hold
        case 12: return .relabel
        case 13: return .rewrite
        default: return .delete
        }
    }

    // MARK: Edits

    private typealias Edit = @Sendable (inout ClusterIntent, inout SeededGenerator) -> String

    private mutating func edit(_ slot: inout Slot, _ intent: ClusterIntent, _ edits: [Edit]) -> Operation? {
        var edited = intent
        let what = pick(edits)(&edited, &random)
        guard edited != intent else { return nil }
        slot.intent = edited
        return .edit(intent, edited, what: what)
    }

    private static let scalings: [Edit] = [
        { intent, random in
            let former = intent.controlPlane
            intent.controlPlane = [1, 3, 3, 5].randomElement(using: &random) ?? 1
            return "control plane \(former) → \(intent.controlPlane)"
        },
        { intent, random in
            guard let index = intent.workers.indices.randomElement(using: &random) else { return "" }
            let former = intent.workers[index].replicas
            intent.workers[index].replicas = Int.random(in: 0...5, using: &random)
            return "group \(intent.workers[index].name) \(former) → \(intent.workers[index].replicas)"
        },
    ]

    private static let edits: [Edit] = [
        { intent, random in
            intent.controlPlaneTemplate.cpus = [nil, 2, 4].randomElement(using: &random) ?? nil
            return "cpus of the control plane \(intent.controlPlaneTemplate.cpus ?? 0)"
        },
        { intent, random in
            guard let index = intent.workers.indices.randomElement(using: &random) else { return "" }
            intent.workers[index].template.cpus = [nil, 8, 16].randomElement(using: &random) ?? nil
            intent.workers[index].template.zone = [nil, "a", "b"].randomElement(using: &random) ?? nil
            intent.workers[index].template.note = [nil, "x", "y"].randomElement(using: &random) ?? nil
            return "template of \(intent.workers[index].name): \(intent.workers[index].template.json.text)"
        },
        { intent, random in
            intent.endpoint = Int.random(in: 0...9, using: &random)
            return "endpoint \(intent.endpoint)"
        },
        { intent, random in
            intent.disk = [nil, "/dev/vda", "/dev/nvme0n1"].randomElement(using: &random) ?? nil
            return "disk \(intent.disk ?? "default")"
        },
    ]

    private static let regroupings: [Edit] = [
        { intent, random in
            let free = ["w", "gpu", "x", "y"].filter { name in !intent.workers.contains { $0.name == name } }
            guard let name = free.randomElement(using: &random),
                let index = intent.workers.indices.randomElement(using: &random)
            else { return "" }
            let former = intent.workers[index].name
            intent.workers[index].name = name
            return "rename group \(former) to \(name)"
        },
        { intent, random in
            guard let index = intent.workers.indices.randomElement(using: &random) else { return "" }
            return "remove group \(intent.workers.remove(at: index).name)"
        },
        { intent, random in
            let free = ["w", "gpu", "x", "y"].filter { name in !intent.workers.contains { $0.name == name } }
            guard let name = free.randomElement(using: &random) else { return "" }
            intent.workers.append(
                ClusterIntent.Group(name: name, replicas: Int.random(in: 1...3, using: &random)))
            return "add group \(name)"
        },
    ]

    private mutating func pick<C: Collection>(_ choices: C) -> C.Element {
        choices[
            choices.index(choices.startIndex, offsetBy: Int.random(in: 0..<choices.count, using: &random))]
    }
}
