// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle

/// The name of a container image in its parts.
struct ImageReference: Sendable, Hashable, CustomStringConvertible {
    /// Registry and path, as they were written.
    var repository: String
    /// Nil if there is none.
    var tag: String?
    /// As in `sha256:…`; nil if there is none.
    var digest: String?

    init(_ text: String) {
        var rest = text[...]
        if let at = rest.firstIndex(of: "@") {
            digest = String(rest[rest.index(after: at)...])
            rest = rest[..<at]
        }
        let path = rest.lastIndex(of: "/") ?? rest.startIndex
        if let colon = rest[path...].firstIndex(of: ":") {
            tag = String(rest[rest.index(after: colon)...])
            rest = rest[..<colon]
        }
        repository = String(rest)
    }

    var description: String {
        repository + (tag.map { ":\($0)" } ?? "") + (digest.map { "@\($0)" } ?? "")
    }

    /// What follows the last slash.
    var name: String {
        String(
            repository[
                (repository.lastIndex(of: "/").map(repository.index(after:)) ?? repository.startIndex)...])
    }

    /// The release that the tag names, without what marks a flavour of the image; nil if it names none.
    var release: Release? {
        guard let tag else { return nil }
        return Release(Self.flavours.first { tag.hasSuffix($0) }.map { tag.dropLast($0.count) } ?? tag[...])
    }

    /// The image of another release from the same place: the flavour stays, a digest is that of another image and goes.
    func with(_ release: Release) -> ImageReference {
        var image = self
        let flavour = Self.flavours.first { tag?.hasSuffix($0) == true } ?? ""
        image.tag = "\(release)\(flavour)"
        image.digest = nil
        return image
    }

    /// Images of the kubelet come with more or fewer tools.
    private static let flavours = ["-fat", "-slim"]
}
