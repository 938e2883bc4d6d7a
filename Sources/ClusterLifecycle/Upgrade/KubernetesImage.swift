// SPDX-License-Identifier: Apache-2.0

/// The name of an image of a Kubernetes component, of which an upgrade changes the version alone.
package enum KubernetesImage {
    /// The kinds of the kubelet's image that have the kind behind the version.
    private static let variants = ["-slim", "-fat"]

    /// The release that an image is of; nil if its tag names none, or if it has no tag.
    package static func release(of image: String) -> Release? {
        parts(of: image).tag.flatMap { Release(bare($0).release) }
    }

    /// The same image of another release, without a digest, which stands for one release alone.
    package static func image(_ image: String, of release: Release) -> String {
        let parts = parts(of: image)
        return "\(parts.name):\(release)\(parts.tag.map { bare($0).variant } ?? "")"
    }

    /// What stands before the tag, and the tag.
    private static func parts(of image: String) -> (name: Substring, tag: Substring?) {
        let image = image.prefix { $0 != "@" }
        let slash = image.lastIndex(of: "/") ?? image.startIndex
        guard let colon = image[slash...].lastIndex(of: ":") else { return (image, nil) }
        return (image[..<colon], image[image.index(after: colon)...])
    }

    private static func bare(_ tag: Substring) -> (release: Substring, variant: String) {
        let variant = variants.first { tag.hasSuffix($0) } ?? ""
        return (tag.dropLast(variant.count), variant)
    }
}
