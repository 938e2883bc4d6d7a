// SPDX-License-Identifier: Apache-2.0

/// What the specification demands and was not so.
struct Violation: Sendable, Hashable, CustomStringConvertible {
    let clause: Clause
    /// The object it is about, as in `Machine w0a-cp-0`.
    let subject: String
    let detail: String

    init(_ clause: Clause, _ subject: String, _ detail: String = "") {
        (self.clause, self.subject, self.detail) = (clause, subject, detail)
    }

    var description: String { "\(clause): \(subject)\(detail.isEmpty ? "" : ": \(detail)")" }
}

/// Everything that is checked; the tests of the checker have a case for each.
enum Clause: String, Sendable, Hashable, CaseIterable {
    // What is there at a quiet point.
    case clusterMissing, clusterUnasked, clusterSpec, finalizer
    case machineMissing, machineUnasked, machineLabels, machineAnnotations, machineOwner, machineSpec
    case machineFinalizers, machineStatus, machineTerminating, machineReplaced
    case foreignObject
    case manifestMissing, manifestUnasked, manifestContent
    case statusGeneration, statusMachineCount, statusWorkersReady, statusControlPlaneReady, statusPhase
    case statusCondition
    case metricPhases, metricSeries

    // What happened on the way.
    case createdTwice, createdUnasked, createdBeforeFinalizer
    case deletedUnasked, controlPlaneTogether
    case foreignTouched, forbiddenWrite, writeOnSettled, twoLeaders
    case crashed
}
