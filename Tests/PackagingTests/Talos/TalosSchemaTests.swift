// SPDX-License-Identifier: Apache-2.0
import Platform
import TestSupport
import Testing

@Suite("Configurations beside Talos' own schemas", .enabled(if: TalosReference.isThere))
struct TalosSchemaTests {
    /// The Python that `hack/install-deps.sh talos` has put into the cache.
    private func python() throws -> String {
        let pins = try FileSystem.read("\(Repository.root)/hack/talos-requirements.txt", limit: 1 << 16)
        let line = try #require(
            String(decoding: pins, as: UTF8.self).split(separator: "\n").first {
                $0.hasPrefix("jsonschema==")
            })
        let version = line.dropFirst("jsonschema==".count).prefix { $0 != " " }
        return try CachedTool.path("talos-\(version)/bin/python", group: "talos")
    }

    private func check(_ arguments: String...) async throws -> (
        succeeded: Bool, output: String, complaint: String
    ) {
        let script = "\(Repository.root)/hack/check-talos-configs.py"
        let schemas = TalosReference.path("schema")
        return try await PackagingTool.run([try python(), "-B", script, "--schemas", schemas] + arguments)
    }

    @Test("every version, role and set of options is valid by the schema of its version")
    func matrix() async throws {
        let result = try await check("--operator", Repository.operatorBinary)
        #expect(result.succeeded, "\(result.output)\(result.complaint)")
    }

    @Test("what the schema does not allow is found, and told with its place")
    func invalid() async throws {
        let directory = try TemporaryDirectory()
        let text = """
            machine: {type: worker, kubelet: {image: 7}, install: {diskk: /dev/sda}}
            ---
            apiVersion: v1alpha1
            kind: NoSuchConfig
            """
        try FileSystem.makeDirectory("\(directory.path)/v1.12")
        try FileSystem.replace("\(directory.path)/v1.12/a.yaml", with: Array(text.utf8), mode: 0o644)
        let result = try await check(directory.path)
        #expect(!result.succeeded)
        for part in [
            "v1.12/a.yaml, document 1: machine.kubelet.image: 7 is not of type 'string'",
            "v1.12/a.yaml, document 1: machine.install: Additional properties are not allowed ('diskk' was unexpected)",
            "v1.12/a.yaml, document 2: the schema has no kind NoSuchConfig",
        ] {
            #expect(result.output.contains(part), "\(result.output)")
        }
    }
}
