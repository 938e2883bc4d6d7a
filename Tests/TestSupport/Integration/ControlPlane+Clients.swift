// SPDX-License-Identifier: Apache-2.0
import HTTP
package import Kubernetes
package import Platform
package import StructuredData

/// Clients as the program makes them, from a kubeconfig to libcurl.
extension ControlPlane {
    /// A client with a link that the test can look at and cut.
    package typealias LinkedClient = (client: KubernetesClient, link: NetworkLink)

    /// A cluster administrator's client.
    package func adminClient() throws -> KubernetesClient {
        try linkedClient(adminKubeconfig).client
    }

    /// The client of the account that the shipped roles are bound to.
    package func operatorClient() throws -> KubernetesClient {
        try linkedClient(operatorKubeconfig).client
    }

    /// A client from any kubeconfig.
    package func linkedClient(
        _ kubeconfig: String, fieldManager: String = "integration-tests", clock: any Clock = SystemClock(),
        observers: ClientObservers = ClientObservers()
    ) throws -> LinkedClient {
        let search = ConfigurationSearch(kubeconfigFlag: kubeconfig, environment: [:], read: .machine)
        return try linkedClient(
            try search.find().0, fieldManager: fieldManager, clock: clock, observers: observers)
    }

    /// A client from any configuration.
    package func linkedClient(
        _ configuration: ClusterConfiguration, fieldManager: String = "integration-tests",
        clock: any Clock = SystemClock(), certificateInterval: Duration = .seconds(300),
        observers: ClientObservers = ClientObservers()
    ) throws -> LinkedClient {
        let credentials = configuration.credentialSource(
            environment: [:], read: .machine, clock: clock,
            notice: observers.notice)
        let transport = RotatingTransport(
            configuration,
            base: TransportConfiguration(endpoint: configuration.endpoint, userAgent: "integration-tests"),
            credentials: credentials, read: .machine, clock: clock, interval: certificateInterval,
            notice: observers.notice
        ) { configuration throws(TransportError) in
            let transport = try CurlTransport(configuration)
            return RotatingTransport.Connection(transport: transport, shutdown: transport.shutdown)
        }
        let link = NetworkLink(transport)
        let client = KubernetesClient(
            transport: link, endpoint: configuration.endpoint, fieldManager: fieldManager,
            credentials: credentials, clock: clock, observers: observers)
        return (client, link)
    }

    /// The configuration that the administrator's kubeconfig holds.
    package func adminConfiguration() throws -> ClusterConfiguration {
        try ConfigurationSearch(kubeconfigFlag: adminKubeconfig, environment: [:], read: .machine).find().0
    }

    /// The configuration of a user who may do nothing until somebody binds a role; the certificate is new.
    package func configuration(ofUser user: String) async throws -> ClusterConfiguration {
        var configuration = try adminConfiguration()
        configuration.identity = try await issueCertificate(user: user)
        return configuration
    }

    /// Issues a client certificate and returns where it and its key are.
    package func issueCertificate(user: String) async throws -> ClusterConfiguration.Identity {
        try await shell("issue \"$1\" client \"/CN=$1\"", user)
        let path = "\(stateDirectory)/pki/\(user)"
        return ClusterConfiguration.Identity(certificate: .file("\(path).crt"), key: .file("\(path).key"))
    }

    /// Writes the kubeconfig `name`.kubeconfig into the state directory and returns its path.
    ///
    /// - `user`: what stands below `user` in a kubeconfig.
    /// - `server`, `authority`: instead of the API server's own address and its authority's file.
    package func writeKubeconfig(
        _ name: String, user: JSONValue, server: String? = nil, authority: String? = nil
    ) throws -> String {
        let cluster: JSONValue = [
            "server": .string(server ?? self.server),
            "certificate-authority": .string(authority ?? certificateAuthorityFile),
        ]
        let document: JSONValue = [
            "apiVersion": "v1", "kind": "Config", "current-context": "c",
            "contexts": [["name": "c", "context": ["cluster": "c", "user": "u"]]],
            "clusters": [["name": "c", "cluster": cluster]], "users": [["name": "u", "user": user]],
        ]
        let path = "\(stateDirectory)/\(name).kubeconfig"
        try FileSystem.replace(path, with: document.encoded())
        return path
    }
}
