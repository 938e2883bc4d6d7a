// SPDX-License-Identifier: Apache-2.0
import Platform
import StructuredData
import TestSupport
import Testing

/// Values that somebody might install the chart with: a file of Chart/Values.
struct ValuesFile: Sendable, CustomTestStringConvertible {
    var name: String

    static let all: [ValuesFile] = {
        let names = (try? FileSystem.list(folder)) ?? []
        return names.filter { $0.hasSuffix(".yaml") }.sorted().map { ValuesFile(name: $0) }
    }()
    private static let folder = "\(Repository.root)/Tests/PackagingTests/Chart/Values"

    var testDescription: String { name }
    var path: String { "\(Self.folder)/\(name)" }

    func values() throws -> JSONValue {
        try YAML.documents(FileSystem.read(path, limit: 1 << 20)).first ?? [:]
    }

    /// What the chart makes of it.
    func objects() async throws -> [RenderedObject] { try await Self.renderings.objects(of: self) }

    private static let renderings = Renderings()

    /// Keeps what was rendered: many tests look at the same objects.
    private actor Renderings {
        private var tasks: [String: Task<[RenderedObject], any Error>] = [:]

        func objects(of file: ValuesFile) async throws -> [RenderedObject] {
            let task = tasks[file.name] ?? Task { try await PackagingTool.template(file.values()) }
            tasks[file.name] = task
            return try await task.value
        }
    }
}
