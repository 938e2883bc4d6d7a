// SPDX-License-Identifier: Apache-2.0
import Talos

/// The image that installs a release on the way to the desired one.
package enum HopImage {
    /// The node's installer with another tag; nil if it is named by its digest, which stands for one release alone.
    ///
    /// Everything else stays: another factory, schematic or platform would be another system. Only the names of images
    /// for one platform became those for all before Talos 1.10.
    package static func of(_ installer: String, _ release: Release) -> String? {
        guard !installer.contains("@") else { return nil }
        let slash = installer.lastIndex(of: "/") ?? installer.startIndex
        guard let colon = installer[slash...].lastIndex(of: ":") else { return nil }
        var parts = installer[..<colon].split(separator: "/", omittingEmptySubsequences: false)
        let name = parts.count - 2
        if release.line < TalosVersion(minor: 10), parts.count >= 3,
            let end = parts[name].range(of: "-installer")
        {
            parts[name] = parts[name][parts[name].index(after: end)...]
        }
        return parts.joined(separator: "/") + ":" + release.description
    }
}

extension Substring {
    /// Where `text` begins, if this ends in it or goes on with a hyphen.
    fileprivate func range(of text: String) -> Index? {
        indices.first { index in
            self[index...] == text || self[index...].hasPrefix(text + "-")
        }
    }
}
