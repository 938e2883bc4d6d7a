// SPDX-License-Identifier: Apache-2.0
import Platform
package import StructuredData

extension LifecycleReport {
    /// How many nodes, items of a plan and waits are told; more are counted only.
    package static let nodeLimit = 500
    private static let itemLimit = 50
    private static let waitLimit = 10

    /// The report as a cluster's status holds it: some 300 bytes for each node, with members in a fixed order.
    package var json: JSONValue {
        var object: JSONObject = ["state": .string(state.rawValue), "message": .text(message)]
        object["since"] = since.map { .string($0.rfc3339()) }
        object["halt"] = halt.map(Self.json)
        object["steps"] = Self.list(steps, limit: Self.nodeLimit) { $0.json }
        object["waits"] = Self.list(waits, limit: Self.waitLimit, Self.json)
        object["health"] = health.json
        object["etcd"] = etcd?.json
        object["talos"] = talos?.json
        object["kubernetes"] = kubernetes?.json
        object["plan"] = plan?.json(limit: Self.itemLimit)
        object["drifted"] = Self.list(drifted, limit: Self.nodeLimit, JSONValue.string)
        object["nodes"] = Self.list(nodes, limit: Self.nodeLimit) { $0.json }
        return .object(object)
    }

    fileprivate static func list<Element>(
        _ elements: [Element], limit: Int, _ make: (Element) -> JSONValue
    ) -> JSONValue? {
        elements.isEmpty ? nil : .array(elements.prefix(limit).map(make))
    }

    private static func json(_ halt: Halt) -> JSONValue {
        var object: JSONObject = ["reason": .string(halt.reason.rawValue), "message": .text(halt.message)]
        object["node"] = halt.node.map(JSONValue.string)
        object["since"] = .string(halt.since.rfc3339())
        return .object(object)
    }

    private static func json(_ wait: Wait) -> JSONValue {
        var object: JSONObject = ["message": .text(wait.message)]
        object["node"] = wait.node.map(JSONValue.string)
        object["until"] = wait.until.map { .string($0.rfc3339()) }
        return .object(object)
    }
}

extension LifecycleReport.Step {
    fileprivate var json: JSONValue {
        var object: JSONObject = ["node": .string(node), "operation": .string(operation)]
        object["step"] = .string(step.rawValue)
        object["since"] = .string(since.rfc3339())
        object["message"] = message.map { .text($0) }
        return .object(object)
    }
}

extension LifecycleReport.Node {
    fileprivate var json: JSONValue {
        var object: JSONObject = ["name": .string(name), "role": .string(role.rawValue)]
        object["address"] = address.map(JSONValue.string)
        object["stage"] = .string(stage)
        object["ready"] = .bool(isReady)
        object["problem"] = (problem ?? configProblem).map { .text($0) }
        object["talos"] = talos.map { .string($0.description) }
        object["schematic"] = schematic.map(JSONValue.string)
        object["kubernetes"] = kubernetes.map { .string($0.description) }
        object["config"] = .string(config.rawValue)
        object["etcd"] = member?.json
        object["step"] = step.map { .string($0.rawValue) }
        object["leaving"] = isLeaving ? true : nil
        return .object(object)
    }
}

extension LifecycleReport.Member {
    fileprivate var json: JSONValue {
        var object: JSONObject = ["member": .string(hexadecimal)]
        object["leader"] = isLeader ? true : nil
        object["learner"] = isLearner ? true : nil
        return .object(object)
    }
}

extension LifecycleReport.Plan {
    fileprivate func json(limit: Int) -> JSONValue {
        var object: JSONObject = ["hash": .string(hash), "approved": .bool(isApproved)]
        object["count"] = .integer(Int64(items.count))
        object["items"] = LifecycleReport.list(items, limit: limit) { item in
            [
                "node": .string(item.node), "summary": .text(item.summary),
                "approved": .bool(item.isApproved),
            ]
        }
        return .object(object)
    }
}

extension LifecycleReport.Etcd {
    fileprivate var json: JSONValue {
        var object: JSONObject = ["voters": .integer(Int64(voters)), "learners": .integer(Int64(learners))]
        object["leader"] = leader.map(JSONValue.string)
        object["alarms"] = LifecycleReport.list(alarms, limit: 10, JSONValue.text)
        return .object(object)
    }
}

extension LifecycleReport.Versions {
    fileprivate var json: JSONValue {
        ["lowest": .string(lowest.description), "highest": .string(highest.description)]
    }
}

extension HealthVerdict {
    fileprivate var json: JSONValue {
        var object: JSONObject = ["healthy": .bool(isHealthy)]
        object["check"] = firstProblem.map { .string($0.name.rawValue) }
        object["message"] = firstProblem.map { .text($0.message) }
        return .object(object)
    }
}

extension JSONValue {
    /// A sentence of at most 256 bytes.
    fileprivate static func text(_ text: String) -> JSONValue { .string(text.cut(toBytes: 256)) }
}
