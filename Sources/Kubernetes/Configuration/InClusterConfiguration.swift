// SPDX-License-Identifier: Apache-2.0
import HTTP
import Platform

extension ClusterConfiguration {
    /// The `origin` of a configuration that a pod's service account gave.
    package static let inClusterOrigin = "service account of this pod"

    /// Where kubelet puts a pod's service account.
    package static let serviceAccountDirectory = "/var/run/secrets/kubernetes.io/serviceaccount"

    /// The configuration of a process that runs in a pod.
    ///
    /// A CA file that is missing or holds no certificate is an error: going on with the system's CAs, or with
    /// none, would hand the token to whoever answers.
    ///
    /// - Throws: `notInCluster` if the environment does not name the API server, else `invalid`.
    package static func inCluster(
        environment: [String: String], read: FileReader
    ) throws(ConfigurationError) -> ClusterConfiguration {
        let endpoint = try inClusterEndpoint(environment)
        let tokenPath = "\(serviceAccountDirectory)/token"
        let caPath = "\(serviceAccountDirectory)/ca.crt"
        var problems: [String] = []
        do {
            if TokenFileCredential.token(in: try read(tokenPath)) == nil {
                problems.append("\(tokenPath): is empty")
            }
        } catch {
            problems.append(error.description)
        }
        do {
            if !PEM.holdsCertificates(try read(caPath)) { problems.append("\(caPath): holds no certificate") }
        } catch {
            problems.append(error.description)
        }
        guard problems.isEmpty else { throw .invalid(problems) }
        return ClusterConfiguration(
            endpoint: endpoint, trust: .certificates(.file(caPath)), authentication: .tokenFile(tokenPath),
            namespace: try inClusterNamespace(environment, read), origin: inClusterOrigin)
    }

    private static func inClusterEndpoint(
        _ environment: [String: String]
    ) throws(ConfigurationError) -> Endpoint {
        let values = ["KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"].map { environment[$0] ?? "" }
        guard !values[0].isEmpty else { throw .notInCluster(missing: "KUBERNETES_SERVICE_HOST") }
        guard !values[1].isEmpty else { throw .notInCluster(missing: "KUBERNETES_SERVICE_PORT") }
        guard let port = UInt16(values[1]), port > 0 else {
            throw .invalid(["KUBERNETES_SERVICE_PORT: must be a port number, not \"\(values[1])\""])
        }
        return Endpoint(scheme: .https, host: values[0], port: port)
    }

    private static func inClusterNamespace(
        _ environment: [String: String], _ read: FileReader
    ) throws(ConfigurationError) -> String {
        if let namespace = environment["POD_NAMESPACE"], !namespace.isEmpty { return namespace }
        do {
            let bytes = try read("\(serviceAccountDirectory)/namespace")
            return TokenFileCredential.token(in: bytes) ?? "default"
        } catch {
            guard error.isNotFound else { throw .invalid([error.description]) }
            return "default"
        }
    }
}
