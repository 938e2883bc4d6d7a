// SPDX-License-Identifier: Apache-2.0

/// What `--help` prints.
enum HelpText {
    static func text(for topic: HelpTopic) -> String {
        switch topic {
        case .program: program
        case .run: run
        case .command(let word):
            CommandTable.commands(word).map(text(for:)).joined(separator: "\n")
        }
    }

    private static var program: String {
        let rows =
            [("[run] [flags]", "reconcile KubernetesClusters (the default)")]
            + CommandTable.all.map { ($0.usage, $0.summary) }
        let usage = table(rows.map { ("talos-operator \($0)", $1) }, margin: "       ")
        return """
            talos-operator manages Talos Linux Kubernetes clusters: from a management cluster, or on a laptop.

            Usage: \(usage.drop { $0 == " " })
            talos-operator COMMAND --help tells more about each. All commands but run need no management cluster.

            """
    }

    private static func text(for command: CommandDefinition) -> String {
        let options = command.options.isEmpty ? "" : " [flags]"
        var text = "Usage: talos-operator \(command.usage)\(options)\n\n\(command.details)\n"
        if !command.options.isEmpty {
            text += "\n" + table(command.options.map { ($0.synopsis, $0.help) })
        }
        return text + "\n"
    }

    private static var run: String {
        """
        Usage: talos-operator [run] [flags]

        Reconciles KubernetesClusters until it is told to stop. A flag beats its environment variable.


        """
            + table(
                Setting.all.map { setting in
                    (
                        "--\(setting.flag)\(setting.isSwitch ? "" : " \(setting.placeholder)")",
                        words(of: setting)
                    )
                })
    }

    /// Two columns, the second of which begins at the same place in every row.
    private static func table(_ rows: [(String, String)], margin: String = "  ") -> String {
        let width = rows.map(\.0.count).max() ?? 0
        return rows.map { left, right in
            margin + left + String(repeating: " ", count: width - left.count + 2) + right + "\n"
        }.joined()
    }

    private static func words(of setting: Setting) -> String {
        var words = setting.help
        if !setting.defaultText.isEmpty { words += " (default \(setting.defaultText))" }
        if let variable = setting.variable { words += " [$\(variable)]" }
        return words
    }
}
