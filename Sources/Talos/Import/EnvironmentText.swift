// SPDX-License-Identifier: Apache-2.0
import StructuredData

/// Puts the values of environment variables into a text as `envsubst` does.
///
/// That is `$NAME`, `${NAME}`, and with a default `${NAME:-text}`; `$$` stands for a dollar. Comments of YAML stay as
/// they are.
struct EnvironmentText {
    let variables: [String: String]

    /// The text with values.
    ///
    /// - Throws: a problem for each variable that is not set or empty.
    func substituted(_ file: SourceFile) throws(ConfigProblems) -> String {
        var problems: [ConfigProblem] = []
        var lines: [String] = []
        for (index, line) in file.text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            guard line.contains("$"), !line.drop(while: { $0.isWhitespace }).hasPrefix("#") else {
                lines.append(String(line))
                continue
            }
            let (text, missing) = substituted(line)
            lines.append(text)
            problems += missing.map { name in
                ConfigProblem(
                    source: file.path, line: index + 1,
                    problem: "the environment variable \(name) is not set, or empty")
            }
        }
        guard problems.isEmpty else { throw ConfigProblems(problems) }
        return lines.joined(separator: "\n")
    }

    private func substituted(_ line: Substring) -> (text: String, missing: [String]) {
        var result = ""
        var missing: [String] = []
        var rest = line
        while let dollar = rest.firstIndex(of: "$") {
            result += rest[..<dollar]
            rest = rest[rest.index(after: dollar)...]
            if rest.first == "$" {
                result += "$"
                rest = rest.dropFirst()
            } else if rest.first == "{", let end = rest.firstIndex(of: "}") {
                let expression = rest[..<end].dropFirst()
                rest = rest[rest.index(after: end)...]
                if let value = value(of: expression) {
                    result += value
                } else {
                    missing.append(String(Self.name(expression)))
                }
            } else {
                let name = Self.name(rest)
                rest = rest.dropFirst(name.count)
                if name.isEmpty {
                    result += "$"
                } else if let value = set(name) {
                    result += value
                } else {
                    missing.append(String(name))
                }
            }
        }
        return (result + rest, missing)
    }

    private static func name(_ text: Substring) -> Substring {
        guard let first = text.first, first.isLetter || first == "_" else { return "" }
        return text.prefix { $0.isLetter || $0.isNumber || $0 == "_" }
    }

    private func set(_ name: Substring) -> String? {
        variables[String(name)].flatMap { $0.isEmpty ? nil : $0 }
    }

    /// The value of what stands in braces; nil if there is none.
    private func value(of expression: Substring) -> String? {
        let name = Self.name(expression)
        let rest = expression.dropFirst(name.count)
        if rest.isEmpty { return set(name) }
        for sign in [":-", ":=", "-", "="] where rest.hasPrefix(sign) {
            return set(name) ?? String(rest.dropFirst(sign.count))
        }
        for sign in [":+", "+"] where rest.hasPrefix(sign) {
            return set(name) == nil ? "" : String(rest.dropFirst(sign.count))
        }
        return nil
    }

    /// The variables of a file of them: a map of YAML, or lines of `NAME=value`.
    static func variables(in file: SourceFile) -> [String: String] {
        var variables: [String: String] = [:]
        do throws(ConfigProblems) {
            for member in try ImportedObject.read(file).object.members where member.key != "sops" {
                variables[member.key] = GoTemplateFunctions.text(member.value)
            }
        } catch {
            for line in file.text.split(separator: "\n") {
                let content = line.drop { $0.isWhitespace }
                let assignment = content.hasPrefix("export ") ? content.dropFirst(7) : content
                guard !content.hasPrefix("#"), let equals = assignment.firstIndex(of: "=") else { continue }
                var value = assignment[assignment.index(after: equals)...]
                if value.count > 1, let quote = value.first, quote == "\"" || quote == "'",
                    value.last == quote
                {
                    value = value.dropFirst().dropLast()
                }
                variables[String(assignment[..<equals])] = String(value)
            }
        }
        return variables
    }
}
