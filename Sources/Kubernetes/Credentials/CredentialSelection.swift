// SPDX-License-Identifier: Apache-2.0
package import Platform

extension ClusterConfiguration {
    /// The source of the credentials that this configuration names.
    ///
    /// One source per configuration and process: it holds what was fetched, and must not be asked twice for it.
    package func credentialSource(
        environment: [String: String], read: FileReader, clock: any Clock,
        runner: PluginRunner = .childProcess,
        notice: @escaping @Sendable (ClientNotice) -> Void = { _ in }
    ) -> any CredentialSource {
        switch authentication {
        case .none: FixedCredential.none
        case .token(let token): FixedCredential.token(token)
        case .tokenFile(let path): TokenFileCredential(path: path, read: read, clock: clock, notice: notice)
        case .basic(let username, let password):
            FixedCredential(
                Credential(authorization: "Basic \(Base64.encode(Array("\(username):\(password)".utf8)))"))
        case .plugin(let plugin):
            PluginCredential(
                plugin, environment: environment, read: read, clock: clock, runner: runner, notice: notice)
        }
    }
}
