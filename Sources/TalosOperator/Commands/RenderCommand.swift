// SPDX-License-Identifier: Apache-2.0
import ClusterController
import Glibc
import Platform
import StructuredData

/// `talos-operator render`: the Machines of KubernetesClusters in files, without any API server.
enum RenderCommand {
    /// 64 MiB: a file larger than that is no manifest.
    private static let sizeLimit = YAMLLimits.default.bytes

    /// Prints or writes the manifests; returns the exit status.
    ///
    /// Nothing is printed or written unless all is valid.
    static func execute(_ options: RenderOptions, output: Output = .standard) -> Int32 {
        var manifests: [Rendering.Manifest] = []
        var problems: [String] = []
        for file in options.files {
            do throws(RenderProblem) {
                let rendering = try render(file)
                manifests += rendering.manifests
                problems += rendering.problems
                for warning in rendering.warnings { output.printError("warning: \(warning)\n") }
            } catch {
                problems.append(error.description)
            }
        }
        guard problems.isEmpty else { return fail(problems, output) }
        guard let directory = options.outputDirectory else {
            for manifest in manifests { output.print("---\n\(manifest.text)") }
            return 0
        }
        do throws(FileError) {
            try write(manifests, below: directory)
            return 0
        } catch {
            return fail([error.description], output)
        }
    }

    private struct RenderProblem: Error, CustomStringConvertible {
        var description: String
    }

    private static func render(_ file: String) throws(RenderProblem) -> Rendering {
        let name = file == "-" ? "standard input" : file
        do {
            let bytes =
                file == "-"
                ? try FileSystem.readToEnd(of: STDIN_FILENO, named: name, limit: sizeLimit)
                : try FileSystem.read(file, limit: sizeLimit)
            return Rendering(try YAML.documents(bytes), file: name)
        } catch let error as FileError {
            throw RenderProblem(description: error.description)
        } catch {
            throw RenderProblem(description: "\(name): \(error)")
        }
    }

    private static func write(_ manifests: [Rendering.Manifest], below path: String) throws(FileError) {
        for manifest in manifests {
            let file = "\(path)/\(manifest.path)"
            try FileSystem.makeDirectory(String(file.prefix(upTo: file.lastIndex(of: "/") ?? file.endIndex)))
            try FileSystem.replace(file, with: Array(manifest.text.utf8))
        }
    }

    private static func fail(_ problems: [String], _ output: Output) -> Int32 {
        for problem in problems { output.printError("\(problem)\n") }
        return 1
    }
}
