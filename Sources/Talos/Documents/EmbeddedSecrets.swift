// SPDX-License-Identifier: Apache-2.0

extension String {
    /// The text with `******` for what is a secret by its form: the user and the password of a URL, and the value of a
    /// `key=value` whose key names a secret, as kernel arguments and queries have them.
    ///
    /// Fields that hold nothing but a secret are known by the schema; this is for secrets in the middle of other fields.
    /// A path of a file and a truth value are shown, whatever the key is called.
    package var withoutEmbeddedSecrets: String {
        guard utf8.contains(UInt8(ascii: "=")) || contains("://") else { return self }
        return EmbeddedSecrets.hideValues(EmbeddedSecrets.hideUsers(self[...])[...])
    }
}

private enum EmbeddedSecrets {
    /// What a key has in it, without separators, that names a secret.
    static let words = [
        "password", "passwd", "passphrase", "secret", "token", "credential", "apikey", "authkey", "accesskey",
        "privatekey", "presharedkey",
    ]
    /// The parts of a key that are too short to be searched for in the middle of others.
    static let parts: Set<Substring> = ["pass", "pwd", "psk"]
    static let harmless: Set<Substring> = ["true", "false"]
    static let marks: Set<Character> = ["\"", "'", "`"]

    /// Hides what stands between `://` and the last `@` before the host.
    static func hideUsers(_ text: Substring) -> String {
        var (result, rest) = ("", text)
        while let scheme = rest.firstRange(of: "://") {
            result += rest[..<scheme.upperBound]
            rest = rest[scheme.upperBound...]
            let authority = rest.prefix { !$0.isWhitespace && !"/?#".contains($0) && !marks.contains($0) }
            guard let user = authority.lastIndex(of: "@") else { continue }
            result += MachineConfiguration.redaction
            rest = rest[user...]
        }
        return result + rest
    }

    static func hideValues(_ text: Substring) -> String {
        var (result, rest) = ("", text)
        while let sign = rest.firstIndex(of: "=") {
            let key = rest[..<sign].reversed().prefix(while: isPartOfKey).reversed()
            result += rest[...sign]
            rest = rest[rest.index(after: sign)...]
            let value = value(rest)
            guard isSecret(String(key)[...]), !value.isEmpty, value.first != "/", !harmless.contains(value)
            else { continue }
            result += MachineConfiguration.redaction
            rest = rest[value.endIndex...]
        }
        return result + rest
    }

    /// What follows a sign: up to the mark that it begins with, or to whatever ends a word.
    private static func value(_ rest: Substring) -> Substring {
        if let mark = rest.first, marks.contains(mark) {
            let end = rest.dropFirst().firstIndex(of: mark).map { rest.index(after: $0) }
            return rest[..<(end ?? rest.endIndex)]
        }
        return rest.prefix { !$0.isWhitespace && !"&;,".contains($0) && !marks.contains($0) }
    }

    private static func isPartOfKey(_ character: Character) -> Bool {
        character.isLetter || character.isNumber || "-_.".contains(character)
    }

    private static func isSecret(_ key: Substring) -> Bool {
        let parts = key.lowercased().split { "-_.".contains($0) }
        let joined = parts.joined()
        return words.contains { joined.contains($0) } || parts.contains { Self.parts.contains($0) }
    }
}
