// SPDX-License-Identifier: Apache-2.0
import Platform

/// Files of Talos that are not part of the repository, for tests that pass over what is not there.
enum OfficialFiles {
    /// Where they are: `TALOS_REFERENCE`, or beside the repository.
    static let directory: String? = {
        let repository = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(4)
        let places = [
            ProcessEnvironment.variables["TALOS_REFERENCE"],
            repository.joined(separator: "/") + "/../shared/talos",
        ]
        return places.compactMap { $0 }.first { (try? FileSystem.list($0)) != nil }
    }()

    /// The bundle behind all generated configurations there; nil if they are not there.
    static let secrets: String? = text("golden/secrets.yaml")

    static func text(_ path: String) -> String? {
        guard let directory, let bytes = try? FileSystem.read("\(directory)/\(path)", limit: 1 << 20) else {
            return nil
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
