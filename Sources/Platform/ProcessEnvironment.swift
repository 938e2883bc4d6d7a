// SPDX-License-Identifier: Apache-2.0
import Glibc

/// The environment of this process.
///
/// Only the program and the tests read it; everything else is told.
package enum ProcessEnvironment {
    /// All variables as they are now; of two entries of one name the last counts.
    package static var variables: [String: String] {
        var variables: [String: String] = [:]
        var entry = environ
        while let pointer = entry.pointee {
            let text = String(cString: pointer)
            if let equals = text.firstIndex(of: "=") {
                variables[String(text[..<equals])] = String(text[text.index(after: equals)...])
            }
            entry += 1
        }
        return variables
    }
}
