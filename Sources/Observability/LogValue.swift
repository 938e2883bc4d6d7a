// SPDX-License-Identifier: Apache-2.0
import Platform

/// What a log field may hold.
package enum LogValue: Sendable, Hashable {
    case string(String)
    case integer(Int64)
    case double(Double)
    case bool(Bool)
    case list([String])
}

extension LogValue {
    /// A duration as seconds with a fraction.
    package static func duration(_ duration: Duration) -> LogValue {
        .double(duration.seconds)
    }

    /// What is printed of the value, for types that describe themselves (errors, keys, addresses).
    package static func describing(_ value: some Any) -> LogValue {
        .string(String(describing: value))
    }
}

extension LogValue: ExpressibleByStringInterpolation, ExpressibleByIntegerLiteral,
    ExpressibleByFloatLiteral, ExpressibleByBooleanLiteral, ExpressibleByArrayLiteral
{
    package init(stringLiteral text: String) { self = .string(text) }
    package init(integerLiteral number: Int64) { self = .integer(number) }
    package init(floatLiteral number: Double) { self = .double(number) }
    package init(booleanLiteral value: Bool) { self = .bool(value) }
    package init(arrayLiteral elements: String...) { self = .list(elements) }
}

/// A key and what is known about it.
package struct LogField: Sendable, Hashable {
    /// Lower camel case, as in `retryAfter`.
    package var key: String
    package var value: LogValue

    package init(_ key: String, _ value: LogValue) {
        self.key = key
        self.value = value
    }
}

/// Fields in the order written: `["machine": .string(name), "attempt": 3]`.
package struct LogFields: Sendable, Hashable, ExpressibleByDictionaryLiteral {
    package var fields: [LogField]

    package init(dictionaryLiteral fields: (String, LogValue)...) {
        self.fields = fields.map { LogField($0.0, $0.1) }
    }

    /// These fields followed by `others`; where both have a key, the value of `others` takes the place.
    package func merging(_ others: LogFields) -> LogFields {
        var merged = self
        for field in others.fields {
            if let index = merged.fields.firstIndex(where: { $0.key == field.key }) {
                merged.fields[index].value = field.value
            } else {
                merged.fields.append(field)
            }
        }
        return merged
    }
}

/// A value that must never be seen: whatever prints, logs or mirrors it gets `[redacted]`.
package struct Redacted<Value: Sendable>: Sendable, CustomStringConvertible, CustomDebugStringConvertible,
    CustomReflectable
{
    /// The value itself, for the one place that needs it.
    package let secret: Value

    package init(_ secret: Value) {
        self.secret = secret
    }

    package var description: String { "[redacted]" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: []) }
}
