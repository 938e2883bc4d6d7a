// SPDX-License-Identifier: Apache-2.0
package import ControllerRuntime
package import Kubernetes

/// The kinds of failure of a reconcile: the specification's four, and the API's own.
///
/// Their names are the values of the error metric's `error_type` label.
extension ReconcileError {
    /// The specification is invalid; another try cannot help before it changes.
    package static func validation(_ problems: [FieldProblem]) -> ReconcileError {
        ReconcileError(
            errorType: "ValidationError", message: problems.map(\.description).joined(separator: "; "),
            disposition: .terminal)
    }

    /// What the specification, its layers and its secrets make is no valid configuration.
    ///
    /// It is tried again, unlike an invalid specification: layers and secrets are not the cluster's own fields, and
    /// certificates are renewed all the same.
    package static func configuration(_ message: String) -> ReconcileError {
        ReconcileError(errorType: "ValidationError", message: message)
    }

    /// A Machine could not be created, put right or deleted.
    package static func machineCreation(
        _ message: String, disposition: Disposition = .retry, retryAfter: Duration? = nil
    ) -> ReconcileError {
        ReconcileError(
            errorType: "MachineCreationError", message: message, disposition: disposition,
            retryAfter: retryAfter)
    }

    /// A manifest could not be written or removed.
    package static func fileSystem(_ error: ManifestError) -> ReconcileError {
        ReconcileError(errorType: "FileSystemError", message: error.description)
    }

    /// A Machine that the cluster needs is controlled by somebody else, or by nobody.
    package static func ownerReference(_ message: String) -> ReconcileError {
        ReconcileError(errorType: "OwnerReferenceError", message: message)
    }

    /// The cluster itself could not be written.
    ///
    /// That somebody else was faster is no error to report, nor that this process is no longer the one to write.
    package static func api(_ error: APIError, _ activity: String) -> ReconcileError {
        ReconcileError(
            errorType: "APIError", message: "\(activity): \(error.explanation)",
            disposition: error.disposition, retryAfter: error.status?.retryAfter)
    }

    /// Another object, or another state of it, was there than the one that was looked at.
    package static func conflict(_ message: String) -> ReconcileError {
        ReconcileError(errorType: "APIError", message: message, disposition: .conflict)
    }
}

extension APIError {
    /// Whether looking again is all it takes: somebody was faster, or this process is being stopped.
    ///
    /// An apply with the UID of a Machine that was replaced meanwhile is a change of an immutable field for the server.
    var isNobodysFault: Bool { isConflict || isCancelled || self == .fenced || isInvalid(at: "metadata.uid") }

    /// Who is to blame, which decides how soon another try is worth it.
    var disposition: ReconcileError.Disposition {
        isNobodysFault ? .conflict : concernsEveryRequest ? .unavailable : .retry
    }

    /// Whether the next request would fare no better, whatever it is about.
    var concernsEveryRequest: Bool {
        switch self {
        case .transport, .credentials, .fenced: true
        case .status(let status):
            isUnserved || status.code == 401 || status.code == 429 || status.code >= 500
        case .undecodable, .invalidRequest: false
        }
    }

    /// Whether the server refused the owner reference: an object has one controller at most.
    var isAboutOwner: Bool { isInvalid(at: "metadata.ownerReferences") }

    private func isInvalid(at field: String) -> Bool {
        isInvalid && status?.causes.contains { $0.field.hasPrefix(field) } ?? false
    }

    /// The error as a sentence for people.
    var explanation: String {
        switch self {
        // The server's own words show the addresses of pointers.
        case .status where isAboutOwner: "it has another controller already, so it is left alone"
        case .status(let status): status.message.isEmpty ? "\(status.code) \(status.reason)" : status.message
        case .transport(let error): "no answer from the API server: \(error)"
        case .undecodable(let problem): "the API server's answer cannot be read: \(problem)"
        case .invalidRequest(let problem): problem
        case .credentials(let problem): "no credentials: \(problem)"
        case .fenced: "this process is not the leader any more"
        }
    }
}
