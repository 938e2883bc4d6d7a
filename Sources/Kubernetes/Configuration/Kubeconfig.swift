// SPDX-License-Identifier: Apache-2.0
package import StructuredData

/// One or more kubeconfig files, merged as kubectl does: of equal names the first file's entry counts, whole.
///
/// Relative paths in an entry start from the file it came from. Unknown fields are passed over.
package struct Kubeconfig: Sendable, Hashable {
    /// An entry of one of the three lists, or an object within it.
    struct Entry: Sendable, Hashable {
        var section: Section
        var name: String
        /// The value of `cluster`, `user` or `context`.
        var fields: JSONObject
        /// The file's directory, which relative paths start from.
        var directory: String
        /// The member of the entry whose fields these are; empty for the entry itself.
        var inner = ""

        /// How messages call it: `user "admin"`.
        var place: String {
            "\(section.member) \"\(name)\"" + (inner.isEmpty ? "" : ": \(inner)")
        }
    }

    /// One of the three lists.
    enum Section: String, CaseIterable, Sendable, Hashable {
        case clusters, users, contexts

        /// The member of an element that holds its value.
        var member: String { String(rawValue.dropLast()) }
    }

    private(set) var sections: [Section: [Entry]] = [:]
    private(set) var currentContext = ""
    /// The files that were read.
    private(set) var paths: [String] = []
    /// What is odd but not wrong, one line each.
    private(set) var warnings: [String] = []

    /// Reads the document of one file.
    ///
    /// - Throws: `invalid` with all problems of the file.
    package init(_ document: JSONValue, path: String) throws(ConfigurationError) {
        paths = [path]
        guard document != .null else { return }
        guard let object = document.object else {
            throw .invalid(["\(path): must be an object, not \(document.kindDescription)"])
        }
        var problems: [String] = []
        do {
            currentContext = try object.string("current-context") ?? ""
        } catch {
            problems.append("\(path): \(error)")
        }
        for section in Section.allCases {
            do {
                sections[section] = try Self.entries(section, in: object, directory: Self.directory(of: path))
            } catch {
                problems.append("\(path): \(error)")
            }
        }
        guard problems.isEmpty else { throw .invalid(problems) }
        dropDuplicates(path)
    }

    /// Adds the entries of a later file whose names are not taken yet.
    package mutating func merge(_ later: Kubeconfig) {
        if currentContext.isEmpty { currentContext = later.currentContext }
        for section in Section.allCases {
            let taken = Set(entries(section).map(\.name))
            sections[section] = entries(section) + later.entries(section).filter { !taken.contains($0.name) }
        }
        paths += later.paths
        warnings += later.warnings
    }

    func entries(_ section: Section) -> [Entry] {
        sections[section] ?? []
    }

    func entry(_ section: Section, _ name: String) -> Entry? {
        entries(section).first { $0.name == name }
    }

    private static func entries(
        _ section: Section, in object: JSONObject, directory: String
    ) throws(DecodingProblem) -> [Entry] {
        try object.list(section.rawValue) { element throws(DecodingProblem) in
            let fields = try element.expectObject()
            return Entry(
                section: section, name: try fields.requiredString("name"),
                fields: try fields.object(section.member) ?? JSONObject(), directory: directory)
        }
    }

    private mutating func dropDuplicates(_ path: String) {
        for section in Section.allCases {
            var seen: Set<String> = []
            sections[section]?.removeAll { entry in
                if seen.insert(entry.name).inserted { return false }
                warnings.append(
                    "\(path): \(section.rawValue) has \"\(entry.name)\" twice; the first one counts")
                return true
            }
        }
    }

    /// The directory of a path, without a trailing slash: empty for the root.
    private static func directory(of path: String) -> String {
        path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
    }
}
