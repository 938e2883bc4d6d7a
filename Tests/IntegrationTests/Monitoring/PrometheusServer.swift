// SPDX-License-Identifier: Apache-2.0
import Glibc
import HTTP
import Kubernetes
import Platform
import StructuredData
import TestSupport
import Testing

/// A real Prometheus on loopback that looks for operators' Pods in a namespace and evaluates the shipped rules.
final class PrometheusServer: Sendable {
    /// An element of a result: its labels, the name of the metric among them, and its value.
    struct Sample: Sendable {
        var labels: [String: String]
        var value: Double
    }

    /// An alert that is pending or firing.
    struct Alert: Sendable, Hashable {
        var name: String
        var isFiring: Bool
        var labels: [String: String]
        var annotations: [String: String]
    }

    /// A rule, and what is wrong with it.
    struct Rule: Sendable {
        var name: String
        var isAlert: Bool
        var problem: String?
    }

    /// Prometheus refused a question.
    struct QueryError: Error, CustomStringConvertible {
        var description: String
    }

    private let process: Subprocess
    private let transport: CurlTransport

    /// Runs `body` with a server that has started, and ends it.
    ///
    /// - `isImpatient`: the alerts fire after two seconds of what they wait for; otherwise the rules are as shipped.
    /// - `scheme`: the lines of a scrape configuration that say how to reach the operator.
    static func run(
        _ scenario: Scenario, isImpatient: Bool, scheme: [String] = ["scheme: http"],
        _ body: (PrometheusServer) async throws -> Void
    ) async throws {
        let directory = try TemporaryDirectory()
        var rules = String(
            decoding: try FileSystem.read(
                "\(Repository.root)/config/prometheus/rules.yaml", limit: 1 << 20),
            as: UTF8.self)
        if isImpatient { rules = rules.replacing(/\n +for: [0-9]+[mh]\n/) { _ in "\n        for: 2s\n" } }
        try FileSystem.replace("\(directory.path)/rules.yaml", with: Array(rules.utf8))
        try FileSystem.replace(
            "\(directory.path)/prometheus.yaml", with: Array(configuration(scheme).utf8))
        try FileSystem.replace("\(directory.path)/pods.json", with: try await targets(in: scenario).encoded())
        let server = try PrometheusServer(directory.path)
        let outcome: Result<Void, any Error>
        do {
            _ = await server.process.line { $0.contains("Server is ready") }
            try await body(server)
            outcome = .success(())
        } catch {
            print(server.process.lines.suffix(15).joined(separator: "\n"))
            outcome = .failure(error)
        }
        server.transport.shutdown()
        server.process.signal(SIGKILL)
        _ = await server.process.ending()
        try outcome.get()
    }

    private init(_ directory: String) throws {
        let port = try FreePort.find()
        process = try Subprocess(
            [
                try CachedTool.prometheus(), "--config.file=\(directory)/prometheus.yaml",
                "--storage.tsdb.path=\(directory)/data", "--web.listen-address=127.0.0.1:\(port)",
            ], environment: Repository.environment)
        transport = try CurlTransport(
            TransportConfiguration(
                endpoint: Endpoint(scheme: .http, host: "127.0.0.1", port: port), userAgent: "tests"))
    }

    /// What the Prometheus Operator makes of the ServiceMonitor.
    private static func configuration(_ scheme: [String]) -> String {
        """
        global: {scrape_interval: 2s, scrape_timeout: 2s, evaluation_interval: 1s}
        rule_files: [rules.yaml]
        scrape_configs:
          - job_name: talos-operator
            \(scheme.joined(separator: "\n    "))
            file_sd_configs: [{files: [pods.json]}]
            relabel_configs:
              - {source_labels: [__meta_kubernetes_pod_label_app_kubernetes_io_name], regex: talos-operator, action: keep}
              - {source_labels: [__meta_kubernetes_pod_container_port_name], regex: metrics, action: keep}
              - {source_labels: [__meta_kubernetes_namespace], target_label: namespace}
              - {source_labels: [__meta_kubernetes_pod_name], target_label: pod}
              - {source_labels: [__meta_kubernetes_pod_container_name], target_label: container}
              - {target_label: service, replacement: talos-operator-metrics}
              - {target_label: endpoint, replacement: metrics}
              - {target_label: job, replacement: talos-operator-metrics}

        """
    }

    /// What discovery of Pods finds in the namespace: Debian builds Prometheus without what talks to Kubernetes.
    private static func targets(in scenario: Scenario) async throws -> JSONValue {
        let pods = try await scenario.client.list(
            RawObject<PodKind>.self, ObjectSelection(namespace: scenario.namespace)
        ).items
        return .array(
            pods.flatMap { pod in (pod.spec("containers")?.array ?? []).flatMap { targets(pod, $0) } })
    }

    private static func targets(_ pod: RawObject<PodKind>, _ container: JSONValue) -> [JSONValue] {
        (container["ports"]?.array ?? []).map { port in
            let address = pod.document["status"]?["podIP"]?.string ?? ""
            var labels: JSONObject = [
                "__meta_kubernetes_namespace": .string(pod.metadata.namespace),
                "__meta_kubernetes_pod_name": .string(pod.metadata.name),
                "__meta_kubernetes_pod_container_name": container["name"] ?? "",
                "__meta_kubernetes_pod_container_port_name": port["name"] ?? "",
            ]
            for (name, value) in pod.metadata.labels {
                let name = String(name.map { $0.isLetter || $0.isNumber ? $0 : "_" })
                labels["__meta_kubernetes_pod_label_\(name)"] = .string(value)
            }
            return [
                "targets": [.string("\(address):\(port["containerPort"]?.integer ?? 0)")],
                "labels": .object(labels),
            ]
        }
    }

    /// The elements that an expression has now.
    func query(_ expression: String) async throws -> [Sample] {
        let data = try await get("query?query=\(Self.escaped(expression))")
        return (data["result"]?.array ?? []).map { element in
            Sample(
                labels: Self.texts(element["metric"]),
                value: element["value"]?.array?.last?.string.flatMap(Double.init) ?? .nan)
        }
    }

    /// The value of an expression that has one element; nil if it has none, or more.
    func value(_ expression: String) async throws -> Double? {
        let samples = try await query(expression)
        return samples.count == 1 ? samples.first?.value : nil
    }

    /// Every alert that is pending or firing.
    func alerts() async throws -> [Alert] {
        (try await get("alerts")["alerts"]?.array ?? []).map { alert in
            let labels = Self.texts(alert["labels"])
            return Alert(
                name: labels["alertname"] ?? "", isFiring: alert["state"] == "firing", labels: labels,
                annotations: Self.texts(alert["annotations"]))
        }
    }

    /// Waits until an alert of this name fires, and returns it.
    func firing(_ name: String) async throws -> Alert {
        var found: Alert?
        try await eventually {
            found = try await alerts().first { $0.name == name && $0.isFiring }
            return found != nil
        }
        return try #require(found)
    }

    /// Waits until no alert of this name is pending or firing.
    func quiet(_ name: String) async throws {
        try await eventually { try await !alerts().contains { $0.name == name } }
    }

    /// Every rule.
    func rules() async throws -> [Rule] {
        let groups = try await get("rules")["groups"]?.array ?? []
        return groups.flatMap { $0["rules"]?.array ?? [] }.map { rule in
            let (health, problem) = (rule["health"]?.string ?? "", rule["lastError"]?.string ?? "")
            return Rule(
                name: rule["name"]?.string ?? "", isAlert: rule["type"] == "alerting",
                problem: health == "ok" && problem.isEmpty ? nil : "\(health) \(problem)")
        }
    }

    private func get(_ path: String) async throws -> JSONValue {
        let request = HTTPRequest(method: .get, target: "/api/v1/\(path)", timeout: .seconds(60))
        let response = try await transport.send(request)
        let answer = try JSONValue(json: response.body)
        guard answer["status"] == "success", let data = answer["data"] else {
            throw QueryError(description: "\(path): \(answer["error"]?.string ?? "")")
        }
        return data
    }

    private static func texts(_ value: JSONValue?) -> [String: String] {
        Dictionary(
            uniqueKeysWithValues: (value?.object?.members ?? []).map { ($0.key, $0.value.string ?? "") })
    }

    /// Everything but letters and digits as a percent and two digits.
    private static func escaped(_ text: String) -> String {
        var escaped = ""
        for byte in text.utf8 {
            let character = Character(UnicodeScalar(byte))
            if character.isASCII, character.isLetter || character.isNumber {
                escaped.append(character)
            } else {
                escaped += (byte < 16 ? "%0" : "%") + String(byte, radix: 16)
            }
        }
        return escaped
    }
}
