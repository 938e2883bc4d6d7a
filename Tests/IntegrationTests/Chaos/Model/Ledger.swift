// SPDX-License-Identifier: Apache-2.0
import StructuredData

/// What the workload has done, as far as the API server has confirmed it: all that the model knows.
struct Ledger: Sendable {
    /// A cluster that should exist.
    struct Cluster: Sendable, Hashable {
        var uid: String
        /// What was sent last, with what the server filled in.
        var spec: JSONValue
        /// The Machines at the last quiet point, UID by name; while the specification is invalid these stay.
        var settled: [String: String] = [:]
        /// The valid specification that they were made from.
        var settledSpec: JSONValue = .null
    }

    /// What others than the operator have put into a Machine.
    struct Additions: Sendable, Hashable {
        var annotations: [String: String] = [:]
        var fields: [String: JSONValue] = [:]
        var finalizers: [String] = []
        /// What its provider reported; nil if nothing yet.
        var status: JSONValue?
    }

    /// An object that is none of the operator's business, as it was when it was made.
    struct Foreigner: Sendable, Hashable {
        var kind: String
        var name: String
        var document: JSONValue
    }

    /// By name.
    var clusters: [String: Cluster] = [:]
    /// By the Machine's UID.
    var additions: [String: Additions] = [:]
    /// By UID; those that should exist.
    var foreigners: [String: Foreigner] = [:]
    /// UIDs of all foreigners there ever were.
    var everForeign: Set<String> = []
    /// UIDs of Machines that the workload itself deleted.
    var deleted: Set<String> = []
    /// UIDs of clusters that somebody took the finalizer from.
    var stripped: Set<String> = []

    func isForeign(_ uid: String) -> Bool { everForeign.contains(uid) }
}
