// SPDX-License-Identifier: Apache-2.0

/// What `--help` prints.
enum HelpText {
    static func text(for topic: HelpTopic) -> String {
        switch topic {
        case .program: program
        case .run: run
        case .render: render
        case .version: version
        }
    }

    private static let program = """
        talos-operator manages Talos Linux Kubernetes clusters from a management cluster.

        Usage: talos-operator [run] [flags]     reconcile KubernetesClusters (the default)
               talos-operator render -f FILE    print the Machines that a KubernetesCluster asks for
               talos-operator version           print the version

        talos-operator COMMAND --help tells more about each.

        """

    private static let version = """
        Usage: talos-operator version

        Prints the version and the commit it was built from.

        """

    private static let render = """
        Usage: talos-operator render -f FILE [-f FILE …] [-o DIR]

        Validates KubernetesClusters and prints the Machine manifests that the operator would create.
        Needs no cluster. Exits 1, with one line per problem, if the input is not valid.

          -f, --filename FILE     YAML or JSON to read, may be given several times; - is standard input
          -o, --output-dir DIR    write DIR/{cluster}/{machine}.yaml instead of printing

        """

    private static var run: String {
        let rows = Setting.all.map { setting in
            ("--\(setting.flag)\(setting.isSwitch ? "" : " \(setting.placeholder)")", words(of: setting))
        }
        let width = rows.map(\.0.count).max() ?? 0
        let table = rows.map { flag, words in
            "  " + flag + String(repeating: " ", count: width - flag.count + 2) + words + "\n"
        }
        return """
            Usage: talos-operator [run] [flags]

            Reconciles KubernetesClusters until it is told to stop. A flag beats its environment variable.


            """ + table.joined()
    }

    private static func words(of setting: Setting) -> String {
        var words = setting.help
        if !setting.defaultText.isEmpty { words += " (default \(setting.defaultText))" }
        if let variable = setting.variable { words += " [$\(variable)]" }
        return words
    }
}
