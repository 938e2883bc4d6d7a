// SPDX-License-Identifier: Apache-2.0
import Platform
import StructuredData
import TestSupport
import Testing

@Suite("The page about permissions")
struct PermissionsPageTests {
    private static let page = "Sources/TalosOperator/TalosOperator.docc/Permissions.md"
    private static let rbac = "\(Repository.root)/config/rbac"

    private func permissions(_ file: String) throws -> [String] {
        func texts(_ value: JSONValue?) -> [String] { value?.array?.compactMap(\.string) ?? [] }
        let documents = try YAML.documents(FileSystem.read("\(Self.rbac)/\(file)", limit: 1 << 20))
        return documents.flatMap { $0["rules"]?.array ?? [] }.flatMap { rule in
            texts(rule["resources"]).flatMap { resource in
                texts(rule["verbs"]).map { "\($0) \(resource)" }
            }
        }
    }

    @Test("every right that is shipped has a reason there, and none has that is not shipped")
    func rights() throws {
        let tables = [
            ("verb", ["role.yaml", "leader-election.yaml"]),
            ("further verb", ["config-management/role.yaml"]),
        ]
        for (column, files) in tables {
            let rows = try MarkdownTable(of: Self.page, column: column).rows
            #expect(rows.allSatisfy { $0.count == 4 && !$0[2].isEmpty && !$0[3].isEmpty })
            let shipped = try files.flatMap(permissions)
            #expect(rows.map { "\($0[0]) \($0[1])" }.sorted() == shipped.sorted())
        }
    }

    @Test("every file is in the list")
    func files() throws {
        let listed = try MarkdownTable(of: Self.page, column: "file").rows.flatMap { row in
            row[0].split(separator: ", ").map(String.init)
        }
        let there =
            try FileSystem.list(Self.rbac)
            + ["namespaced", "config-management"].flatMap { folder in
                try FileSystem.list("\(Self.rbac)/\(folder)").map { "\(folder)/\($0)" }
            }
        let roles = there.filter { $0.hasSuffix(".yaml") && !$0.hasSuffix("kustomization.yaml") }
        #expect(listed.sorted() == roles.sorted())
    }
}
