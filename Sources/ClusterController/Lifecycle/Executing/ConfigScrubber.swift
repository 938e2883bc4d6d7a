// SPDX-License-Identifier: Apache-2.0
import Talos

/// Takes the secrets of a configuration out of what a node says about it.
///
/// Nodes quote values that they refuse, whole or cut short. A quotation is replaced if it is a part of a secret, and so
/// is every secret that stands there without quotation marks.
struct ConfigScrubber: Sendable {
    /// Each line of each secret, for a node may quote one of a certificate's.
    private let secrets: Set<String>

    /// Shorter texts are parts of any secret by chance.
    private static let shortest = 4
    /// A quotation that is longer than this tells nobody anything, and may be a file with keys in it.
    private static let longest = 80
    private static let marks: Set<Character> = ["\"", "'", "`"]

    init(_ configuration: MachineConfiguration) {
        var secrets: Set<String> = []
        for (document, redacted) in zip(configuration.documents, configuration.redacted().documents) {
            Self.collect(document.root, redacted.root, &secrets)
        }
        self.secrets = secrets
    }

    /// `text` on one line, without secrets and not too long.
    func scrub(_ text: String) -> String {
        var text = text
        for secret in secrets.sorted(by: { $0.utf8.count > $1.utf8.count }) {
            text = text.split(separator: secret, omittingEmptySubsequences: false)
                .joined(separator: MachineConfiguration.redaction)
        }
        return withoutQuotations(text).withoutEmbeddedSecrets.bounded
    }

    private func withoutQuotations(_ text: String) -> String {
        var result = ""
        var rest = text[...]
        while let open = rest.firstIndex(where: Self.marks.contains) {
            result += rest[...open]
            let mark = rest[open]
            rest = rest[rest.index(after: open)...]
            // One that is not closed lasts to the end.
            let close = rest.firstIndex(of: mark) ?? rest.endIndex
            result += isSecret(rest[..<close]) ? MachineConfiguration.redaction : String(rest[..<close])
            guard close < rest.endIndex else { return result }
            result.append(mark)
            rest = rest[rest.index(after: close)...]
        }
        return result + rest
    }

    private func isSecret(_ quotation: Substring) -> Bool {
        var part = quotation
        while part.last == "." || part.last == "…" { part.removeLast() }
        guard part.count >= Self.shortest else { return false }
        return part.count > Self.longest || secrets.contains { $0.contains(part) }
    }

    private static func collect(_ node: ConfigNode, _ redacted: ConfigNode, _ secrets: inout Set<String>) {
        switch (node.value, redacted.value) {
        case (.map(let members), _):
            for member in members { collect(member.node, redacted[member.key] ?? redacted, &secrets) }
        case (.list(let elements), .list(let others)):
            for (element, other) in zip(elements, others) { collect(element, other, &secrets) }
        case (.string(let text), .string(MachineConfiguration.redaction)):
            for line in text.split(whereSeparator: \.isNewline) where line.count >= shortest {
                secrets.insert(line.trimmed)
            }
        default: break
        }
    }
}

extension Substring {
    fileprivate var trimmed: String {
        String(drop { $0 == " " || $0 == "\t" })
    }
}
