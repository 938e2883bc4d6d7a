// SPDX-License-Identifier: Apache-2.0
import Platform

/// Looks through what the API server logged about who asked for what.
///
/// The log lacks requests that a killed API server was at work on, so it proves what was done, never what was not.
struct AuditChecker: Sendable {
    /// A process of the operator, which has a user of its own.
    struct Incarnation: Sendable, Hashable {
        var user: String
        /// Nil if it still runs.
        var ended: Timestamp?
    }

    /// Everyone who ever ran.
    var incarnations: [Incarnation] = []
    /// Moments at which everything was settled.
    var quietPoints: [Timestamp] = []
    /// Who wrote last, and who did before and must not again.
    private var leader = ""
    private var retired: Set<String> = []

    init() {}

    /// Takes what was asked since the last call; `creations` counts what came to be since then.
    mutating func violations(_ entries: [AuditEntry], creations: [String: Int]) -> [Violation] {
        let entries = entries.sorted { $0.time < $1.time }
        let users = Set(incarnations.map(\.user))
        let own = entries.filter { users.contains($0.user) && $0.isWrite }
        return forbidden(own) + createdTwice(own, creations) + togetherLeading(own)
            + onSettled(entries, users)
    }

    /// Only Machines and clusters, Events and leases; of Machines never the status, which is their providers'.
    private func forbidden(_ own: [AuditEntry]) -> [Violation] {
        own.filter { entry in
            switch (entry.resource, entry.subresource) {
            case ("machines", ""), ("kubernetesclusters", ""), ("kubernetesclusters", "status"),
                ("events", ""), ("leases", ""):
                false
            default: true
            }
        }.map { Violation(.forbiddenWrite, "\($0.resource)/\($0.subresource) \($0.name)", "\($0.verb)") }
    }

    /// More often answered `201 Created` than there ever was a Machine of the name.
    private func createdTwice(_ own: [AuditEntry], _ creations: [String: Int]) -> [Violation] {
        let created = own.filter { $0.resource == "machines" && $0.isCreation }
        return Dictionary(grouping: created, by: \.name).compactMap { name, entries in
            let actual = creations[name] ?? 0
            return entries.count > actual
                ? Violation(.createdTwice, "Machine \(name)", "\(entries.count) times, not \(actual)") : nil
        }
    }

    // MARK: Leaders

    /// A leader leads once: when the next one has begun to write, the one before is silent for ever.
    ///
    /// What the network still held when it died is not its fault.
    private mutating func togetherLeading(_ own: [AuditEntry]) -> [Violation] {
        let writes = own.filter { $0.resource == "machines" || $0.resource == "kubernetesclusters" }
        let ends = Dictionary(incarnations.map { ($0.user, $0.ended) }) { $1 }
        var violations: [Violation] = []
        for write in writes where write.user != leader {
            if retired.contains(write.user) {
                if let ended = ends[write.user] ?? nil, let time = Timestamp(rfc3339: write.time),
                    time > ended
                {
                    continue
                }
                violations.append(
                    Violation(
                        .twoLeaders, "\(write.user) and \(leader)",
                        "\(write.verb) \(write.resource) \(write.name) at \(write.time)"))
                continue
            }
            retired.insert(leader)
            leader = write.user
        }
        return violations
    }

    // MARK: Settled objects

    /// After each quiet point: what an operator writes to a cluster or its Machines before anybody else did.
    private func onSettled(_ entries: [AuditEntry], _ users: Set<String>) -> [Violation] {
        var violations: [Violation] = []
        for (index, quietPoint) in quietPoints.enumerated() {
            let end = quietPoints.dropFirst(index + 1).first
            var changed: Set<String> = []
            for entry in entries where entry.isWrite && entry.cluster != nil {
                guard let time = Timestamp(rfc3339: entry.time), time > quietPoint,
                    end.map({ time <= $0 }) ?? true,
                    let cluster = entry.cluster
                else { continue }
                guard users.contains(entry.user) else {
                    changed.insert(cluster)
                    continue
                }
                guard !changed.contains(cluster) else { continue }
                violations.append(
                    Violation(
                        .writeOnSettled, "\(entry.resource)/\(entry.subresource) \(entry.name)",
                        "\(entry.verb) by \(entry.user) at \(entry.time)"))
            }
        }
        return violations
    }
}

extension AuditEntry {
    /// The cluster it is about: names of the workload's clusters have no hyphen, those of their Machines begin with it.
    var cluster: String? {
        guard resource == "machines" || resource == "kubernetesclusters" else { return nil }
        return name.split(separator: "-").first.map(String.init)
    }
}
