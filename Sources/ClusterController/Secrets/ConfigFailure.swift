// SPDX-License-Identifier: Apache-2.0
import ControllerRuntime
import Kubernetes
import PKI
import Talos

/// Why the configurations of a cluster are not as they should be; never holds a part of one.
struct ConfigFailure: Error, Sendable, Hashable {
    /// The reason of the condition `ConfigGenerated`.
    let reason: String
    /// The same for people.
    let message: String
    /// What ends the reconcile, after all else is done.
    let error: ReconcileError

    private init(_ reason: String, _ message: String, _ error: ReconcileError) {
        (self.reason, self.message, self.error) = (reason, message, error)
    }

    /// The specification, its layers or the bundle make no valid configuration.
    static func invalid(_ message: String) -> ConfigFailure {
        ConfigFailure(ConditionReason.configInvalid, message, .configuration(message))
    }

    static func invalid(_ problems: ConfigProblems) -> ConfigFailure {
        invalid(summary(of: problems.problems.map(\.description)))
    }

    /// The cluster's secrets are gone, or others.
    static func lost(_ message: String) -> ConfigFailure {
        ConfigFailure(ConditionReason.secretsLost, message, .configuration(message))
    }

    /// The operator was not started to do this.
    static let disabled: ConfigFailure = {
        let message = "spec.management: the operator was started without --config-management"
        return ConfigFailure(ConditionReason.managementDisabled, message, .configuration(message))
    }()

    /// OpenSSL refused.
    static func keys(_ error: PKIError) -> ConfigFailure {
        let cause: ReconcileError =
            error == .cancelled ? .conflict(error.description) : .machineCreation(error.description)
        return ConfigFailure(ConditionReason.configFailed, error.description, cause)
    }

    /// The API server refused.
    static func api(_ error: APIError, _ activity: String) -> ConfigFailure {
        let cause = ReconcileError.api(error.withoutContent, activity)
        return ConfigFailure(ConditionReason.configFailed, cause.message, cause)
    }

    /// A Secret's name is taken by somebody else's.
    static func taken(_ key: ObjectKey) -> ConfigFailure {
        let message = "Secret \(key) is not the cluster's: left alone"
        return ConfigFailure(ConditionReason.configFailed, message, .ownerReference(message))
    }

    /// Something else is known by now; looking again is all it takes.
    static func conflict(_ error: ReconcileError) -> ConfigFailure {
        ConfigFailure(ConditionReason.configFailed, error.message, error)
    }

    /// The first few of many lines, and how many there are.
    static func summary(of lines: [String], limit: Int = 5) -> String {
        let rest = lines.count > limit ? ["and \(lines.count - limit) more"] : []
        return (lines.prefix(limit) + rest).joined(separator: "; ")
    }
}

extension APIError {
    /// The same without what the server sent, which may have been a Secret.
    var withoutContent: APIError {
        if case .undecodable = self {
            .undecodable("the answer about a Secret is not as it should be")
        } else {
            self
        }
    }
}
