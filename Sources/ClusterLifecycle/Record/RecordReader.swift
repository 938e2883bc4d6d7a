// SPDX-License-Identifier: Apache-2.0
import Platform
import StructuredData

/// One object of a stored record, read field by field; every complaint names the field.
struct RecordReader {
    private let value: JSONValue
    private let path: String

    init(_ value: JSONValue, at path: String) {
        self.value = value
        self.path = path
    }

    func string(_ key: String) throws(LifecycleRecordError) -> String {
        try required(optionalString(key), key, "text")
    }

    func optionalString(_ key: String) throws(LifecycleRecordError) -> String? {
        try optional(key, "text") { $0.string }
    }

    func integer(_ key: String) throws(LifecycleRecordError) -> Int64 {
        try required(optional(key, "a whole number") { $0.integer }, key, "a whole number")
    }

    func bool(_ key: String) throws(LifecycleRecordError) -> Bool {
        try required(optionalBool(key), key, "true or false")
    }

    func optionalBool(_ key: String) throws(LifecycleRecordError) -> Bool? {
        try optional(key, "true or false") { $0.bool }
    }

    /// A number from 0; 0 if it is missing.
    func count(_ key: String) throws(LifecycleRecordError) -> Int {
        try optional(key, "a whole number from 0") { value in
            value.integer.flatMap { $0 >= 0 ? Int(exactly: $0) : nil }
        } ?? 0
    }

    func time(_ key: String) throws(LifecycleRecordError) -> Timestamp {
        try required(optionalTime(key), key, "a time as in 2026-01-31T12:00:00Z")
    }

    func optionalTime(_ key: String) throws(LifecycleRecordError) -> Timestamp? {
        try optional(key, "a time as in 2026-01-31T12:00:00Z") { value in
            value.string.flatMap { Timestamp(rfc3339: $0) }
        }
    }

    func release(_ key: String) throws(LifecycleRecordError) -> Release {
        try required(optionalRelease(key), key, "a release as in v1.2.3")
    }

    func optionalRelease(_ key: String) throws(LifecycleRecordError) -> Release? {
        try optional(key, "a release as in v1.2.3") { value in value.string.flatMap { Release($0) } }
    }

    /// A member of etcd: hexadecimal text of 64 bits.
    func optionalMember(_ key: String) throws(LifecycleRecordError) -> UInt64? {
        try optional(key, "one to sixteen hexadecimal digits") { value in
            value.string.flatMap { $0.utf8.first == UInt8(ascii: "+") ? nil : UInt64($0, radix: 16) }
        }
    }

    func choice<Choice: RawRepresentable<String>>(
        _ key: String
    ) throws(LifecycleRecordError) -> Choice {
        let text = try string(key)
        guard let choice = Choice(rawValue: text) else { throw unknown(key, text) }
        return choice
    }

    /// The texts of a list; none if it is missing.
    func strings(_ key: String) throws(LifecycleRecordError) -> Set<String> {
        Set(
            try optional(key, "a list of texts") { value in
                value.array.flatMap { list in
                    let texts = list.compactMap(\.string)
                    return texts.count == list.count ? texts : nil
                }
            } ?? [])
    }

    /// An object within this one; nil if it is missing.
    func object(_ key: String) throws(LifecycleRecordError) -> RecordReader? {
        try optional(key, "an object") { value in
            value.object.map { RecordReader(.object($0), at: "\(path).\(key)") }
        }
    }

    /// The objects of a map by their key; none if it is missing.
    func members(_ key: String) throws(LifecycleRecordError) -> [(String, RecordReader)] {
        let map = try optional(key, "an object") { $0.object }
        return (map?.members ?? []).map {
            ($0.key, RecordReader($0.value, at: "\(path).\(key).\($0.key)"))
        }
    }

    func unknown(_ key: String, _ text: String) -> LifecycleRecordError {
        error(key, "is \"\(text.cut(toBytes: 64))\", which this program does not know; a later one wrote it")
    }

    /// The field as `read` takes it; nil if it is missing or null.
    private func optional<Value>(
        _ key: String, _ allowed: String, _ read: (JSONValue) -> Value?
    ) throws(LifecycleRecordError) -> Value? {
        guard value.object != nil else {
            throw LifecycleRecordError(
                field: path, problem: "is \(value.kindDescription) and not an object")
        }
        guard let field = value[key], field != .null else { return nil }
        guard let read = read(field) else { throw error(key, "is not \(allowed)") }
        return read
    }

    private func required<Value>(
        _ value: Value?, _ key: String, _ allowed: String
    ) throws(LifecycleRecordError) -> Value {
        guard let value else { throw error(key, "is missing; it must be \(allowed)") }
        return value
    }

    private func error(_ key: String, _ problem: String) -> LifecycleRecordError {
        LifecycleRecordError(field: "\(path).\(key)", problem: problem)
    }
}
