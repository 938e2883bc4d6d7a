// SPDX-License-Identifier: Apache-2.0
import PKI

/// The SHA-256 digest of some bytes: stands for a secret without telling it, and for a file without keeping it.
package struct SHA256Digest: Sendable, Hashable {
    private let bytes: [UInt8]

    /// The digest of `content`.
    package init(of content: some Sequence<UInt8>) {
        bytes = SHA256.digest(of: Array(content))
    }
}
