// SPDX-License-Identifier: Apache-2.0

/// A JSON value kept as its text, for what is held in number and read seldom.
///
/// Text takes a third of the memory of the value, for that has a box for each array, object and longer string.
package struct PackedJSON: Sendable {
    private let text: [UInt8]

    /// The text of `value`, in an array of just that size.
    package init(_ value: JSONValue) {
        var encoded: [UInt8] = []
        encoded.reserveCapacity(1024)
        value.encode(into: &encoded)
        text = Array(unsafeUninitializedCapacity: encoded.count) { buffer, count in
            count = buffer.initialize(fromContentsOf: encoded)
        }
    }

    /// The value, read anew at every call.
    package var value: JSONValue {
        do {
            return try JSONValue(json: text)
        } catch {
            // Not reached: what was packed had been read once.
            return .null
        }
    }
}

extension PackedJSON: Hashable {
    /// Whether the values are equal, whatever the order of their members.
    package static func == (left: PackedJSON, right: PackedJSON) -> Bool {
        left.text == right.text || left.value == right.value
    }

    package func hash(into hasher: inout Hasher) {
        value.hash(into: &hasher)
    }
}
