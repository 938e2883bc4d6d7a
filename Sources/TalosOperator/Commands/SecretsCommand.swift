// SPDX-License-Identifier: Apache-2.0
import PKI
import Platform
import Talos

/// `talos-operator secrets`: bundles made, taken over and checked.
enum SecretsCommand {
    static func execute(
        _ options: SecretsOptions, environment: [String: String], output: Output = .standard
    ) async -> Int32 {
        let files = CommandFiles(environment: environment)
        return await output.reporting { () async throws(CommandFailure) in
            if let path = options.output, path != "-", !options.isForced, files.exists(path) {
                throw CommandFailure(
                    "\(path): is there already; --force replaces it, and a cluster's keys with it")
            }
            let bundle: SecretsBundle
            switch options.action {
            case .validate(let path): return try await validate(path, files, output)
            case .generate(let version):
                bundle = try await failingWithKeys { () async throws(PKIError) in
                    try await SecretsBundle.generated(for: version, at: SystemClock().timestamp)
                }
            case .importing(let path): bundle = try await imported(path, files)
            case .importingKubernetes(let directory, let token, let version):
                let authorities = try kubernetes(directory, token, files)
                bundle = try await failingWithKeys { () async throws(PKIError) in
                    try await KeyThread.run { () throws(PKIError) in
                        try SecretsBundle.generate(
                            for: version, at: SystemClock().timestamp, from: authorities)
                    }
                }
            }
            let problems = bundle.problems(for: nil)
            guard problems.isEmpty else { throw CommandFailure(problems.map(\.description)) }
            try write(bundle, to: options.output, output)
            return 0
        }
    }

    private static func write(
        _ bundle: SecretsBundle, to path: String?, _ output: Output
    ) throws(CommandFailure) {
        guard let path, path != "-" else { return output.print(bundle.yaml) }
        var files = PlannedFiles()
        files.add(path, bundle.yaml, isSecret: true)
        try files.write()
    }

    private static func validate(
        _ path: String, _ files: CommandFiles, _ output: Output
    ) async throws(CommandFailure) -> Int32 {
        let file = try await files.source(path)
        let bundle = try failing { () throws(ConfigProblems) in
            try SecretsBundle(yaml: file.text, source: file.path)
        }
        let now = SystemClock().timestamp
        for warning in bundle.warnings(for: nil, at: now) {
            output.printError("warning: \(file.path): \(warning)\n")
        }
        let problems = bundle.problems(for: nil, at: now)
        guard problems.isEmpty else { throw CommandFailure(problems.map { "\(file.path): \($0)" }) }
        output.print("\(file.path): valid\n")
        return 0
    }

    /// The bundle of a file that is one, or the configuration of a control plane.
    private static func imported(
        _ path: String, _ files: CommandFiles
    ) async throws(CommandFailure) -> SecretsBundle {
        let file = try await files.source(path)
        return try failing { () throws(ConfigProblems) in
            guard MachineConfigFile.isMachineConfiguration(file.text) else {
                return try SecretsBundle(yaml: file.text, source: file.path)
            }
            return try SecretsBundle(
                controlPlaneConfig: MachineConfiguration(
                    reading: file.text, source: file.path, version: TalosVersion.supported.upperBound))
        }
    }

    /// The authorities of a cluster that kubeadm made.
    private static func kubernetes(
        _ directory: String, _ token: String, _ files: CommandFiles
    ) throws(CommandFailure) -> KubernetesPKI {
        func pair(_ name: String) throws(CommandFailure) -> KeyAndCertificate {
            KeyAndCertificate(
                crt: try files.bytes(of: "\(directory)/\(name).crt"),
                key: try files.bytes(of: "\(directory)/\(name).key"))
        }
        return KubernetesPKI(
            kubernetes: try pair("ca"), etcd: try pair("etcd/ca"), aggregator: try pair("front-proxy-ca"),
            serviceAccountKey: try files.bytes(of: "\(directory)/sa.key"),
            bootstrapToken: token.isEmpty ? nil : token)
    }
}
