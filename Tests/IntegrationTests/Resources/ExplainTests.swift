// SPDX-License-Identifier: Apache-2.0
import Platform
import StructuredData
import TestSupport
import Testing

/// What people read who ask kubectl what a field means.
@Suite("kubectl explain", .timeLimit(.minutes(15)))
struct ExplainTests {
    /// The schema of the field at a path below the root; the elements of a list are passed through.
    private func schema(_ plural: String, _ path: ArraySlice<Substring>) throws -> JSONValue {
        let file = "\(Repository.root)/config/crd/vitistack.io_\(plural).yaml"
        let version = try YAML.documents(FileSystem.read(file, limit: 1 << 20)).first?["spec"]?["versions"]
        var schema = try #require(version?.array?.first?["schema"]?["openAPIV3Schema"])
        for part in path {
            schema = try #require((schema["items"] ?? schema)["properties"]?[String(part)], "\(path)")
        }
        return schema
    }

    /// The words, however the lines are broken.
    private func words(_ text: String) -> String {
        text.split { $0 == " " || $0 == "\n" }.joined(separator: " ")
    }

    /// What kubectl says of a field, which servers publish some time after they take objects of the kind.
    private func explanation(of field: String, on controlPlane: ControlPlane) async throws -> String {
        for _ in 0..<100 {
            do {
                return try await controlPlane.kubectl("explain", field).joined(separator: "\n")
            } catch is ControlPlane.ScriptError {
                continue
            }
        }
        return try await controlPlane.kubectl("explain", field).joined(separator: "\n")
    }

    @Test(
        "a field is explained in the words of its definition, with everything below it",
        arguments: [
            "kc", "kc.spec", "kc.spec.controlPlane", "kc.spec.workers",
            "kc.spec.controlPlane.machineTemplate",
            "kc.spec.talosConfig.machine", "kc.spec.talosConfig.cluster.network",
            "kc.spec.talosConfig.install", "kc.spec.schematic", "kc.spec.patches",
            "kc.spec.podSubnets", "kc.status", "kc.status.conditions", "ma", "ma.spec", "ma.status",
        ])
    func explain(path: String) async throws {
        let controlPlane = try await ControlPlane.shared()
        let parts = path.split(separator: ".")
        let plural = parts[0] == "kc" ? "kubernetesclusters" : "machines"
        let schema = try schema(plural, parts.dropFirst())
        // By its full name, which kubectl knows without having asked for short ones lately.
        let field = (["\(plural).vitistack.io"] + parts.dropFirst()).joined(separator: ".")
        let text = words(try await explanation(of: field, on: controlPlane))
        #expect(text.contains(words(schema["description"]?.string ?? "none")))
        // Of what may have any members, old servers publish none.
        guard schema["x-kubernetes-preserve-unknown-fields"] == nil else { return }
        for member in (schema["items"] ?? schema)["properties"]?.object?.members ?? [] {
            #expect(text.contains(member.key))
            // The server has words of its own for what every object has.
            if parts.count == 1, member.key != "spec", member.key != "status" { continue }
            #expect(text.contains(words(member.value["description"]?.string ?? "none")), "\(member.key)")
        }
    }
}
