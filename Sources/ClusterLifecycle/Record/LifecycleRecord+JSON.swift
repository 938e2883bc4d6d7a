// SPDX-License-Identifier: Apache-2.0
import Platform
package import StructuredData

extension LifecycleRecord {
    /// The version of the stored form; a form that an older program must not touch gets the next number.
    package static let formatVersion: Int64 = 1

    /// The record as it is stored, in a cluster's status or in a file: equal records make equal texts.
    ///
    /// Times lose their fraction of a second, messages are cut to 1024 bytes, and members of etcd are written as
    /// hexadecimal text, since a number of 64 bits does not survive every reader of JSON. There is no secret in it.
    package var json: JSONValue {
        var object = JSONObject()
        object["version"] = .integer(Self.formatVersion)
        object["bootstrap"] = bootstrap?.json
        object["operations"] = Self.json(operations) { $0.json }
        object["halt"] = halt?.json
        object["approvedItems"] =
            approvedItems.isEmpty ? nil : .array(approvedItems.sorted().map(JSONValue.string))
        object["nodes"] = Self.json(nodes) { $0.json }
        object["teardownSince"] = .time(teardownSince)
        object["kubernetesTarget"] = .release(kubernetesTarget)
        object["talosTarget"] = .release(talosTarget)
        object["snapshot"] = snapshot?.json
        return .object(object)
    }

    private static func json<Value>(
        _ values: [String: Value], _ make: (Value) -> JSONValue
    ) -> JSONValue? {
        if values.isEmpty { return nil }
        let members = values.sorted { $0.key < $1.key }
        return .object(
            JSONObject(uniqueMembers: members.map { JSONObject.Member(key: $0.key, value: make($0.value)) }))
    }
}

extension BootstrapRecord {
    fileprivate var json: JSONValue {
        var object: JSONObject = ["node": .string(node), "since": .string(since.rfc3339())]
        object["confirmed"] = .bool(isConfirmed)
        object["accepted"] = isAccepted ? true : nil
        object["lastError"] = lastError.map { .message($0) }
        return .object(object)
    }
}

extension NodeOperation {
    fileprivate var json: JSONValue {
        var object = kind.json
        object["step"] = .string(step.rawValue)
        object["started"] = .time(started)
        object["since"] = .time(since)
        object["bootID"] = bootID.map(JSONValue.string)
        object["attempts"] = attempts == 0 ? nil : .integer(Int64(attempts))
        object["lastError"] = lastError.map { .message($0) }
        object["wellSince"] = .time(wellSince)
        object["memberID"] = memberID.map { .string(String($0, radix: 16)) }
        object["halted"] = isHalted ? true : nil
        return .object(object)
    }
}

extension NodeOperation.Kind {
    /// What it is called in the stored form, in the report and in metrics.
    package var name: String {
        switch self {
        case .install: "Install"
        case .configure: "Configure"
        case .upgrade: "Upgrade"
        case .component: "Component"
        case .remove: "Remove"
        case .replace: "Replace"
        case .teardown: "Teardown"
        }
    }

    fileprivate var json: JSONObject {
        var object: JSONObject = ["kind": .string(name)]
        switch self {
        case .install, .remove, .replace, .teardown: break
        case .configure(let digest): object["digest"] = .string(digest)
        case .upgrade(let image, let release):
            object["image"] = .string(image)
            object["release"] = .release(release)
        case .component(let component, let release):
            object["component"] = .string(component.rawValue)
            object["release"] = .release(release)
        }
        return object
    }
}

extension Halt {
    fileprivate var json: JSONValue {
        var object: JSONObject = ["reason": .string(reason.rawValue), "message": .message(message)]
        object["node"] = node.map(JSONValue.string)
        object["since"] = .time(since)
        object["resumeToken"] = resumeToken.map(JSONValue.string)
        object["desiredHash"] = .string(desiredHash)
        return .object(object)
    }
}

extension NodeRecord {
    fileprivate var json: JSONValue {
        var object = JSONObject()
        object["fingerprint"] = fingerprint.map(JSONValue.string)
        object["wasConfigured"] = wasConfigured ? true : nil
        object["appliedDigest"] = appliedDigest.map(JSONValue.string)
        object["address"] = address.map(JSONValue.string)
        object["silentSince"] = .time(silentSince)
        object["readySince"] = .time(readySince)
        object["etcdIdleSince"] = .time(etcdIdleSince)
        object["handledChange"] = handledChange.map(JSONValue.string)
        return .object(object)
    }
}

extension SnapshotRecord {
    fileprivate var json: JSONValue {
        ["at": .string(at.rfc3339()), "location": .string(location)]
    }
}

extension JSONValue {
    fileprivate static func time(_ time: Timestamp?) -> JSONValue? { time.map { .string($0.rfc3339()) } }
    fileprivate static func release(_ release: Release?) -> JSONValue? {
        release.map { .string($0.description) }
    }
    fileprivate static func message(_ text: String) -> JSONValue { .string(text.cut(toBytes: 1024)) }
}

extension String {
    /// The text, or as much of its beginning as fits with an ellipsis; never half a character.
    func cut(toBytes limit: Int) -> String {
        if utf8.count <= limit { return self }
        var (kept, length) = ("", 0)
        for character in self {
            length += character.utf8.count
            if length > limit - 3 { break }
            kept.append(character)
        }
        return kept + "…"
    }
}
