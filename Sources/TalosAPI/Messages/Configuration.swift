// SPDX-License-Identifier: Apache-2.0

/// When a configuration takes effect; there is no default, since Talos' own is a reboot.
package enum ApplyMode: Sendable, Hashable {
    /// At once where that can be done, otherwise with a reboot.
    case auto
    /// At once; INVALID_ARGUMENT if a reboot is needed.
    case noReboot
    /// With a reboot, needed or not.
    case reboot
    /// With the next reboot, whenever that is.
    case staged
    /// At once, and taken back after `timeout` unless another apply comes first.
    case `try`(timeout: Duration)
}

/// What a node made of a configuration.
package struct ApplyResult: Sendable, Hashable {
    /// What happens with it.
    package enum Effect: Sendable, Hashable {
        case auto, noReboot, reboot, staged, `try`
        /// A mode that this client does not know.
        case other(Int32)
    }

    /// The mode that the node settled on: which one `.auto` came to.
    package var effect: Effect
    /// What the node warns of.
    package var warnings: [String]
    /// Explains the mode; after a dry run a difference between the configurations, which may hold secrets.
    package var details: String

    package init(effect: Effect, warnings: [String] = [], details: String = "") {
        self.effect = effect
        self.warnings = warnings
        self.details = details
    }

    /// Whether a dry run said that the node has this configuration already.
    ///
    /// Up to 1.7 only the machine document is compared, so a change of another looks like none.
    package var hasNoChanges: Bool {
        details == "No changes." || details.hasSuffix("\nNo changes.") || details.hasSuffix("\nNo changes.\n")
    }
}

/// The details may hold secrets, so nothing prints them.
extension ApplyResult: CustomStringConvertible, CustomReflectable {
    package var description: String { "\(effect), \(warnings.count) warnings" }
    /// Shows none of it to reflection either.
    package var customMirror: Mirror {
        Mirror(self, children: ["effect": effect, "details": "[redacted]"], displayStyle: .struct)
    }
}

/// That etcd is to begin from the snapshot uploaded before.
package struct EtcdRecovery: Sendable, Hashable {
    /// Takes a copy of a database, which has no digest at its end, for a snapshot.
    package var skipsHashCheck: Bool

    package init(skipsHashCheck: Bool) {
        self.skipsHashCheck = skipsHashCheck
    }
}
