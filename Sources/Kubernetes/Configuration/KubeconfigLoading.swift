// SPDX-License-Identifier: Apache-2.0
import Platform
import StructuredData

extension Kubeconfig {
    /// Reads one file, which must be there.
    package init(contentsOf path: String, read: FileReader) throws(ConfigurationError) {
        let bytes: [UInt8]
        do {
            bytes = try read(path)
        } catch {
            throw .invalid([error.description])
        }
        try self.init(bytes, path: path)
    }

    /// Reads the files of a `KUBECONFIG` list, separated by colons; those that are missing are skipped.
    ///
    /// - Throws: `noConfiguration` if none of them is there; `invalid` with the problems of all files.
    package init(list: String, read: FileReader) throws(ConfigurationError) {
        var merged: Kubeconfig?
        var problems: [String] = []
        var searched: [String] = []
        for path in list.split(separator: ":").map(String.init) where !searched.contains(path) {
            searched.append(path)
            do {
                guard let bytes = try Self.readIfThere(path, read) else { continue }
                let file = try Kubeconfig(bytes, path: path)
                if merged == nil { merged = file } else { merged?.merge(file) }
            } catch {
                problems.append(error.description)
            }
        }
        guard problems.isEmpty else { throw .invalid(problems) }
        guard let merged else { throw .noConfiguration(searched: searched) }
        self = merged
    }

    private static func readIfThere(_ path: String, _ read: FileReader) throws(ConfigurationError) -> [UInt8]?
    {
        do {
            return try read(path)
        } catch {
            guard error.isNotFound else { throw .invalid([error.description]) }
            return nil
        }
    }

    /// Reads YAML, of which JSON is a part.
    private init(_ bytes: [UInt8], path: String) throws(ConfigurationError) {
        let documents: [JSONValue]
        do {
            documents = try YAML.documents(bytes)
        } catch {
            throw .invalid(["\(path): \(error)"])
        }
        guard documents.count <= 1 else {
            throw .invalid(["\(path): must be one document, not \(documents.count)"])
        }
        try self.init(documents.first ?? .null, path: path)
    }
}
