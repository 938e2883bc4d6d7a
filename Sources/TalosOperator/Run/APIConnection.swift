// SPDX-License-Identifier: Apache-2.0
import HTTP
import Kubernetes
import Observability
import Platform

/// Makes clients of one API server: one configuration, one source of credentials, any number of connections.
struct APIConnection: Sendable {
    let configuration: ClusterConfiguration
    private let credentials: any CredentialSource
    private let clock: any Clock
    private let fieldManager: String
    private let notice: @Sendable (ClientNotice) -> Void

    /// Finds the configuration that the settings and the environment name.
    ///
    /// - Throws: `ConfigurationError`, which names the file and the entry that are wrong.
    init(
        _ settings: Settings, environment: [String: String], fieldManager: String, clock: any Clock,
        logger: Logger
    ) throws(ConfigurationError) {
        let search = ConfigurationSearch(
            kubeconfigFlag: settings.kubeconfig.isEmpty ? nil : settings.kubeconfig,
            environment: environment, read: .machine)
        let (configuration, warnings) = try search.find()
        for warning in warnings { logger.warning("Odd kubeconfig", ["warning": .string(warning)]) }
        let notice = Self.log(to: logger)
        self.configuration = configuration
        self.clock = clock
        self.fieldManager = fieldManager
        self.notice = notice
        credentials = configuration.credentialSource(
            environment: environment, read: .machine, clock: clock, notice: notice)
    }

    /// Whether the configuration is that of the pod we run in.
    var isInCluster: Bool { configuration.origin == ClusterConfiguration.inClusterOrigin }

    /// A client with connections of its own.
    func client(fence: WriteFence? = nil, observe: @escaping @Sendable (RequestObservation) -> Void)
        -> KubernetesClient
    {
        let transport = RotatingTransport(
            configuration,
            base: TransportConfiguration(endpoint: configuration.endpoint, userAgent: Version.userAgent),
            credentials: credentials, read: .machine, clock: clock, notice: notice
        ) { configuration throws(TransportError) in
            let transport = try CurlTransport(configuration)
            return RotatingTransport.Connection(transport: transport, shutdown: { transport.shutdown() })
        }
        return KubernetesClient(
            transport: transport, endpoint: configuration.endpoint, fieldManager: fieldManager,
            credentials: credentials, clock: clock, fence: fence,
            observers: ClientObservers(request: observe, notice: notice))
    }

    private static func log(to logger: Logger) -> @Sendable (ClientNotice) -> Void {
        { notice in
            switch notice {
            case .warning(let text): logger.warning("API server warns", ["warning": .string(text)])
            case .retrying(let verb, let resource, let attempt, let limit, let delay, let error):
                logger.info(
                    "Retrying request",
                    [
                        "verb": .string(verb.rawValue), "resource": .string(resource),
                        "attempt": "\(attempt)/\(limit)", "delay": .duration(delay),
                        "error": .describing(error),
                    ])
            case .keepingCredentials(let reason):
                logger.warning("Keeping the last credentials", ["reason": .string(reason)])
            case .certificatesRotated: logger.info("Certificates rotated")
            case .keepingCertificates(let reason):
                logger.warning("Keeping the last certificates", ["reason": .string(reason)])
            }
        }
    }
}
