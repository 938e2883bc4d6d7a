// SPDX-License-Identifier: Apache-2.0

/// How much time the tests of faults take: `make test` runs the short form, `make chaos` the long one.
package enum FaultForm: String, Sendable {
    /// Each fault once and for seconds.
    case short
    /// Each fault as often and for as long as the fault table says.
    case long

    /// The form of this run: short, unless the environment has `FAULT_FORM=long`.
    package static let current = Repository.environment["FAULT_FORM"].flatMap(FaultForm.init) ?? .short

    /// One of two values, by the form of this run.
    package static func choose<Value>(short: Value, long: Value) -> Value {
        current == .short ? short : long
    }
}
