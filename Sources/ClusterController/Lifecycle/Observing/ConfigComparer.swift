// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
import HTTP
import PKI
import Platform
import StructuredData
import Talos
import TalosAPI

/// How a node's live configuration was found to compare with the one it is to have, and what that was found from.
struct ConfigComparison: Sendable {
    /// Digests of the live configuration and of the one on disk; the latter is nil if it was not asked for.
    fileprivate var live: String
    fileprivate var persistent: String?
    fileprivate var desired: String
    fileprivate var talos: Release
    /// Whether the node itself has been asked what the change would do.
    fileprivate var isFinal: Bool
    var state: ConfigState
    /// Why the state is not known; nil if it is.
    var problem: String?
    var images: [KubernetesComponent: String]
    var options: [KubernetesComponent: Set<String>] = [:]
}

/// Compares live configurations with rendered ones, each pair once: neither is parsed again while both stay as they are.
struct ConfigComparer: Sendable {
    /// Adds to `facts` how the node's configuration compares.
    func compare(
        _ facts: inout NodeFacts, _ node: DesiredNode, in cluster: ManagedCluster, _ look: NodeLook,
        _ known: ConfigComparison?
    ) async {
        guard let configuration = facts.configuration, let talos = facts.observation.talos else { return }
        var pair = Pair(
            name: node.name, live: configuration.bytes, desiredDigest: node.configDigest ?? "", talos: talos)
        var comparison = known.flatMap { pair.matches($0) ? $0 : nil }
        if comparison?.state != .matches, node.configDigest != nil {
            pair.persistent = await look.persistent(facts.observation)?.bytes
            let isSame = comparison?.persistent == pair.persistentDigest && comparison?.isFinal == true
            comparison = isSame ? comparison : await compare(pair, in: cluster, look, facts.observation)
        } else if comparison == nil {
            comparison = await compare(pair, in: cluster, look, facts.observation)
        }
        facts.comparison = comparison
        facts.observation.config = comparison?.state ?? .unknown
        facts.observation.configProblem = comparison?.problem
        facts.observation.images = comparison?.images ?? [:]
        facts.observation.options = comparison?.options ?? [:]
    }

    private func compare(
        _ pair: Pair, in cluster: ManagedCluster, _ look: NodeLook, _ observed: NodeObservation
    ) async -> ConfigComparison {
        var comparison = ConfigComparison(
            live: pair.liveDigest, persistent: pair.persistentDigest, desired: pair.desiredDigest,
            talos: pair.talos, isFinal: true, state: .unknown, images: [:])
        let live: MachineConfiguration
        do throws(UnreadableConfiguration) {
            live = try pair.read(pair.live)
        } catch {
            comparison.problem = "\(error)"
            return comparison
        }
        comparison.images = KubernetesImages.images(of: live)
        comparison.options = live.componentOptions
        guard !pair.desiredDigest.isEmpty else { return comparison }
        let desired: DesiredConfiguration
        do throws(RenderingFailure) {
            desired = try await cluster.configuration(pair.name)
        } catch {
            comparison.isFinal = false
            comparison.problem = "the configuration it is to have cannot be made: \(error)".bounded
            return comparison
        }
        let assessment = pair.assess(live, desired)
        guard let change = assessment.change else {
            comparison.state = .matches
            return comparison
        }
        if let next = pair.next, pair.assess(next, desired).change == nil {
            comparison.state = .staged
            return comparison
        }
        switch await look.dryRun(assessment.target, observed) {
        case .none:
            comparison.isFinal = false
            comparison.state = .differs(change)
        case .noChanges: comparison.state = pair.seesEveryDocument ? .matches : .differs(change)
        case .changes(let needsReboot):
            let change = assessment.change(needsReboot: needsReboot, refusal: nil) ?? change
            comparison.state = .differs(change)
        case .refused(let reason):
            var refused = assessment.change(needsReboot: nil, refusal: reason) ?? change
            refused.isTooNew = pair.isTooOld(for: assessment.target)
            comparison.state = .differs(refused)
        }
        return comparison
    }
}

/// The configurations of one node: the one it has, the one it boots with next and the one it is to have.
private struct Pair: Sendable {
    let name: String
    let live: [UInt8]
    let liveDigest: String
    let desiredDigest: String
    let talos: Release
    var persistent: [UInt8]?

    init(name: String, live: [UInt8], desiredDigest: String, talos: Release) {
        self.name = name
        self.live = live
        self.desiredDigest = desiredDigest
        self.talos = talos
        liveDigest = SHA256.hexadecimal(of: live)
    }

    var persistentDigest: String? { persistent.map { SHA256.hexadecimal(of: $0) } }

    func matches(_ known: ConfigComparison) -> Bool {
        known.live == liveDigest && known.desired == desiredDigest && known.talos == talos
    }

    /// Up to 1.7 a dry run compares the machine's document alone.
    var seesEveryDocument: Bool { talos.line >= TalosVersion(minor: 8) }

    func read(_ bytes: [UInt8]) throws(UnreadableConfiguration) -> MachineConfiguration {
        try MachineConfiguration(live: bytes, of: talos)
    }

    /// Whether a configuration for a newer release has something in it that the node's own release does not know.
    func isTooOld(for target: MachineConfiguration) -> Bool {
        guard talos.line < target.version else { return false }
        do throws(UnreadableConfiguration) {
            _ = try read(Array(target.yaml().utf8))
            return false
        } catch {
            return true
        }
    }

    /// The configuration that the node boots with next; one that cannot be read is none of ours.
    var next: MachineConfiguration? {
        guard let persistent else { return nil }
        do throws(UnreadableConfiguration) { return try read(persistent) } catch { return nil }
    }

    func assess(_ live: MachineConfiguration, _ desired: DesiredConfiguration) -> ConfigAssessment {
        ConfigAssessment(
            live: live, desired: desired.configuration, digest: desiredDigest,
            secretLayers: desired.layers, talos: talos.line)
    }
}

extension DesiredConfiguration {
    /// The secret layers as origins number them.
    var layers: Set<UInt16> { Set(secretLayers.compactMap { UInt16(exactly: $0) }) }
}

/// A node has a configuration that this program does not understand.
struct UnreadableConfiguration: Error, Sendable, CustomStringConvertible {
    /// Where, and nothing of what is written there.
    let description: String

    fileprivate init(_ problems: ConfigProblems, of talos: Release) {
        let isNewer = talos.line > TalosVersion.supported.upperBound
        let whose = isNewer ? ", of Talos \(talos), which is newer than this program" : ""
        let first = problems.problems.first.map { ": \($0.place)" } ?? ""
        let more = problems.problems.count > 1 ? ", and \(problems.problems.count - 1) more" : ""
        description = "its configuration\(whose) cannot be read\(first)\(more)".bounded
    }
}

extension ConfigProblem {
    /// As in `document 2, line 7: machine.install.wipe`; what is wrong there may quote a secret.
    fileprivate var place: String {
        let parts = [document.map { "document \($0)" }, line.map { "line \($0)" }].compactMap(\.self)
        let field = path == .root ? [] : ["\(path)"]
        return ([parts.joined(separator: ", ")].filter { !$0.isEmpty } + field).joined(separator: ": ")
    }
}

extension MachineConfiguration {
    /// Reads what a node of that release has, by the newest release that is known if that is older.
    ///
    /// Whatever is not understood makes it unreadable: to change a part of what is known would take the rest away.
    init(live bytes: [UInt8], of talos: Release) throws(UnreadableConfiguration) {
        let version = min(talos.line, TalosVersion.supported.upperBound)
        do throws(ConfigProblems) {
            try self.init(
                reading: String(decoding: bytes, as: UTF8.self), source: "live configuration",
                version: version)
        } catch {
            throw UnreadableConfiguration(error, of: talos)
        }
    }
}

extension NodeLook {
    /// What a node says that a configuration would do.
    enum DryRun: Sendable {
        case noChanges
        case changes(needsReboot: Bool?)
        case refused(String)
    }

    /// The configuration that the node boots with next; nil before 1.10, or if the node did not say.
    func persistent(_ observed: NodeObservation) async -> NodeConfiguration? {
        guard let talos = observed.talos, talos.line >= TalosVersion(minor: 10) else { return nil }
        var silence = false
        return await ask(&silence) { limit throws(TalosError) in
            try await node(observed).persistentConfiguration(within: limit)
        } ?? nil
    }

    /// Nil if the node did not say.
    func dryRun(_ target: MachineConfiguration, _ observed: NodeObservation) async -> DryRun? {
        let limit = min(limits.call * 2, deadline - clock.now)
        guard limit > .zero else { return nil }
        do throws(TalosError) {
            let result = try await node(observed).applyConfiguration(
                Array(target.yaml().utf8), mode: .auto, dryRun: true, within: limit)
            if result.hasNoChanges { return .noChanges }
            return switch result.effect {
            case .reboot: .changes(needsReboot: true)
            case .noReboot: .changes(needsReboot: false)
            case .auto, .staged, .try, .other: .changes(needsReboot: nil)
            }
        } catch {
            guard error.code == .invalidArgument else { return nil }
            return .refused(ConfigScrubber(target).scrub("\(error)"))
        }
    }

    private func node(_ observed: NodeObservation) throws(TalosError) -> any TalosNode {
        guard let endpoint = observed.address.flatMap({ NodeEndpoint($0) }) else {
            throw .transport(.invalidConfiguration("the node has no address"))
        }
        return try connector.node(at: endpoint, as: credentials)
    }
}
