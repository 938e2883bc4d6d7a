// SPDX-License-Identifier: Apache-2.0
import StructuredData
import Talos

extension FuzzTarget {
    /// The importers of other tools' directories: the parts of an input are their files.
    static let imports = [
        FuzzTarget(
            "import-topf",
            words: [
                "clusterName: ", "nodes:\n", "- host: a\n  role: worker\n", "data:\n", "{{ ", " }}", ".Data.",
                ".Node.Host",
                "range ", "if ", "end", "else", " | quote", "$x := ", "until 9", "printf \"%s\" ", "(", ")",
            ]
        ) { bytes in
            let parts = bytes.parts.map(\.text)
            let names = ["all/a.yaml.tpl", "worker/b.yaml", "node/a/c.yaml.tpl"]
            let files = zip(names, parts.dropFirst()).map { SourceFile(path: $0, text: $1) }
            try importing { () throws(ConfigProblems) in
                try TOPFImport.cluster(
                    configuration: SourceFile(path: "topf.yaml", text: parts.first ?? ""), files: files,
                    environment: [:], talosVersion: "v1.13.0")
            }
        },
        FuzzTarget(
            "import-talhelper",
            words: [
                "clusterName: ", "nodes:\n", "- hostname: a\n  controlPlane: true\n", "endpoint: ",
                "patches: ['",
                "@a", "${A}", "${A:-b}", "op: add", "path: /a/b", "worker:\n  ", "networkInterfaces: ",
                "schematic: ",
            ]
        ) { bytes in
            let parts = bytes.parts.map(\.text)
            let files = parts.dropFirst(2).map { SourceFile(path: "a", text: $0) }
            try importing { () throws(ConfigProblems) in
                try TalhelperImport.cluster(
                    configuration: SourceFile(path: "talconfig.yaml", text: parts.first ?? ""),
                    environmentFiles: parts.dropFirst().prefix(1).map {
                        SourceFile(path: "talenv.yaml", text: $0)
                    },
                    files: Array(files), bundle: nil, environment: ["A": "a"], talosVersion: "v1.13.0")
            }
        },
    ]

    /// What is imported can be written and read again, and its report has a line for each machine.
    private static func importing(_ body: () throws(ConfigProblems) -> ImportedCluster) throws {
        guard case .success(let imported) = Result(catching: body) else { return }
        for document in [imported.cluster] + imported.secrets {
            let again = try YAML.documents(Array(YAML.document(document).utf8))
            try require(again == [document], "a document that reads differently")
        }
        let lines = imported.report.split(separator: "\n").filter { $0.hasPrefix("| ") }
        try require(lines.count > imported.machines.count, "a machine that the report lacks")
    }
}
