import ClusterLifecycle
// SPDX-License-Identifier: Apache-2.0
import HTTP
import Kubernetes
import TalosAPI

extension TalosError {
    /// What a failed request to a node means for the action that it was made for.
    func result(of kind: LifecycleAction.Kind) -> ActionResult {
        let text = description.bounded
        if mayHaveBeenProcessed { return .unknown(text) }
        switch code {
        case .alreadyExists: return .alreadyDone
        case .notFound:
            if case .removeMember = kind { return .alreadyDone }
            return .refused(text)
        case .failedPrecondition:
            // Up to 1.9 a worker says so in the same way as a control plane that is not ready yet.
            return kind == .bootstrap && text.contains("control plane") ? .refused(text) : .notNow(text)
        case .invalidArgument, .permissionDenied, .unimplemented, .outOfRange, .unauthenticated:
            return .refused(text)
        // Talos gives UNKNOWN for whatever goes wrong in its own work, which may go well another time.
        case .unknown, .resourceExhausted, .aborted, .dataLoss, nil: return .notNow(text)
        case .ok, .cancelled, .deadlineExceeded, .internal, .unavailable: return .unknown(text)
        }
    }
}

extension APIError {
    /// What a failed request to a cluster's Kubernetes means for the action that it was made for.
    var result: ActionResult {
        let text = description.bounded
        switch self {
        case .status(let status):
            switch status.code {
            case 400, 401, 403, 405, 422: return .refused(text)
            case 500, 502, 504: return .unknown(text)
            default: return .notNow(text)
            }
        case .transport(let error): return error.mayHaveBeenProcessed ? .unknown(text) : .notNow(text)
        case .undecodable: return .unknown(text)
        case .invalidRequest: return .refused(text)
        case .credentials, .fenced: return .notNow(text)
        }
    }
}
