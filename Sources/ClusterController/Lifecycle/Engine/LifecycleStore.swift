// SPDX-License-Identifier: Apache-2.0
package import ClusterLifecycle

/// Where the record of one cluster is kept, and the one thing that is done to its Machines.
package protocol LifecycleStore: Sendable {
    /// Keeps `record` in the place of the one that the pass began with, or of the one this store has kept since.
    ///
    /// It returns once the record is safe. Where a bootstrap is noted in it, so is that.
    func store(_ record: LifecycleRecord) async throws(LifecycleStoreError)

    /// Deletes a node's Machine; one that is gone is deleted.
    func deleteMachine(_ name: String) async throws(LifecycleStoreError)
}

/// Why a record was not kept or a Machine not deleted.
package enum LifecycleStoreError: Error, Sendable, Hashable {
    /// Somebody else has changed the record since the pass began: nothing may be done on the ground of the old one.
    case conflict
    /// Anything else, in words; it may work another time.
    case failed(String)
}

extension LifecycleStoreError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .conflict: "the record has been changed by somebody else"
        case .failed(let reason): reason
        }
    }
}
