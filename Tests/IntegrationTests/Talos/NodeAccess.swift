// SPDX-License-Identifier: Apache-2.0
import HTTP
import PKI
import Platform
import Talos
import TalosAPI

/// How long calls may take where a test does not want to see them fail for that.
let patience = Duration.seconds(300)

/// The keys of an invented cluster, and who may do what in it.
struct NodeAccess: Sendable {
    let bundle: SecretsBundle

    init() throws {
        // Of 1.6, whose service accounts have no RSA key, which takes seconds.
        bundle = try SecretsBundle.generate(for: TalosVersion(minor: 6), at: SystemClock().timestamp)
    }

    /// Credentials with these roles, good for an hour from `now` on.
    func credentials(
        _ roles: [String] = [TalosClientConfiguration.administrator],
        at now: Timestamp = SystemClock().timestamp
    ) throws -> TalosCredentials {
        try TalosCredentials(try context(roles, at: now))
    }

    /// The same, as a talosconfig has it.
    func context(
        _ roles: [String] = [TalosClientConfiguration.administrator],
        at now: Timestamp = SystemClock().timestamp
    ) throws -> TalosClientConfiguration.Context {
        try TalosClientConfiguration.make(
            bundle, clusterName: "test", endpoints: [], roles: roles, at: now, lifetime: .seconds(3600)
        ).contexts[0]
    }
}

extension Result where Failure == TalosError {
    /// What became of a call.
    init(of call: () async throws(TalosError) -> Success) async {
        do throws(TalosError) { self = .success(try await call()) } catch { self = .failure(error) }
    }

    /// The error, if there is one.
    var failure: TalosError? {
        if case .failure(let error) = self { error } else { nil }
    }
}

extension TalosError? {
    /// What it says, for a message and to look into.
    var text: String { map { "\($0)" } ?? "none" }
}
