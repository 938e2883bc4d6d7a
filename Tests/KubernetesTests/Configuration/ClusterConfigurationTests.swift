// SPDX-License-Identifier: Apache-2.0
import HTTP
import Kubernetes
import Platform
import Testing

@Suite("Finding the configuration")
struct ClusterConfigurationTests {
    private static let directory = ClusterConfiguration.serviceAccountDirectory
    private static let pod = ["KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "6443"]
    private static let mounted = [
        "\(directory)/token": "secret\n", "\(directory)/ca.crt": pem("AA"), "\(directory)/namespace": "ns\n",
    ]
    private static let file = """
        {current-context: a, contexts: [{name: a, context: {cluster: c}}],
         clusters: [{name: c, cluster: {server: "https://NAME"}}]}
        """

    @Test("in a pod everything comes from the environment and the service account")
    func inCluster() throws {
        let configuration = try ClusterConfiguration.inCluster(
            environment: Self.pod, read: FileReader(Self.mounted))
        #expect(configuration.endpoint.description == "https://[fd00::1]:6443")
        #expect(configuration.trust == .certificates(.file("\(Self.directory)/ca.crt")))
        #expect(configuration.authentication == .tokenFile("\(Self.directory)/token"))
        #expect(configuration.namespace == "ns")
    }

    @Test("the namespace is that of the environment, else of the file, else default")
    func namespace() throws {
        var environment = Self.pod
        environment["POD_NAMESPACE"] = "mine"
        #expect(
            try ClusterConfiguration.inCluster(environment: environment, read: FileReader(Self.mounted))
                .namespace
                == "mine")
        var files = Self.mounted
        files["\(Self.directory)/namespace"] = nil
        #expect(
            try ClusterConfiguration.inCluster(environment: Self.pod, read: FileReader(files)).namespace
                == "default")
    }

    @Test("a process outside of a cluster is told what is missing")
    func notInCluster() {
        #expect(throws: ConfigurationError.notInCluster(missing: "KUBERNETES_SERVICE_HOST")) {
            try ClusterConfiguration.inCluster(environment: [:], read: FileReader([:]))
        }
        #expect(throws: ConfigurationError.notInCluster(missing: "KUBERNETES_SERVICE_PORT")) {
            try ClusterConfiguration.inCluster(
                environment: ["KUBERNETES_SERVICE_HOST": "h"], read: FileReader([:]))
        }
    }

    @Test(
        "a service account that cannot be trusted or used is an error, never less security",
        arguments: [
            ("ca.crt", "garbage", "/ca.crt: holds no certificate"),
            ("ca.crt", "", "/ca.crt: holds no certificate"),
            ("ca.crt", pem("%%"), "/ca.crt: holds no certificate"), ("token", " \n", "/token: is empty"),
            ("ca.crt", nil, "/ca.crt: No such file"), ("token", nil, "/token: No such file"),
        ] as [(String, String?, String)])
    func brokenServiceAccount(name: String, content: String?, problem: String) {
        var files = Self.mounted
        files["\(Self.directory)/\(name)"] = content
        let error = #expect(throws: ConfigurationError.self) {
            try ClusterConfiguration.inCluster(environment: Self.pod, read: FileReader(files))
        }
        guard case .invalid(let problems) = error else {
            Issue.record("got \(String(describing: error))")
            return
        }
        #expect(problems.count == 1)
        #expect(problems.first?.contains(problem) == true)
    }

    @Test("a port that is none is an error of its own")
    func badPort() {
        #expect(
            throws: ConfigurationError.invalid(["KUBERNETES_SERVICE_PORT: must be a port number, not \"x\""])
        ) {
            try ClusterConfiguration.inCluster(
                environment: ["KUBERNETES_SERVICE_HOST": "h", "KUBERNETES_SERVICE_PORT": "x"],
                read: FileReader([:]))
        }
    }

    @Test(
        "the flag wins over KUBECONFIG, that over the pod, and that over the home directory",
        arguments: [
            ("/flag", true, true, "flag"), (nil, true, true, "variable"), (nil, false, true, "fd00::1"),
            (nil, false, false, "home"),
        ] as [(String?, Bool, Bool, String)])
    func precedence(flag: String?, hasVariable: Bool, isPod: Bool, host: String) throws {
        var environment = isPod ? Self.pod : [:]
        environment["HOME"] = "/root"
        environment["KUBECONFIG"] = hasVariable ? "/variable" : ""
        var files = Self.mounted
        for (path, name) in ["/flag": "flag", "/variable": "variable", "/root/.kube/config": "home"] {
            files[path] = Self.file.replacingFirst("NAME", with: name)
        }
        let search = ConfigurationSearch(
            kubeconfigFlag: flag, environment: environment, read: FileReader(files))
        #expect(try search.find().0.endpoint.host == host)
    }

    @Test("nothing anywhere is an error that lists the places, and never localhost")
    func nowhere() {
        let search = ConfigurationSearch(environment: ["HOME": "/h"], read: FileReader([:]))
        #expect(
            throws: ConfigurationError.noConfiguration(
                searched: ["--kubeconfig", "KUBECONFIG", Self.directory, "/h/.kube/config"])
        ) {
            try search.find()
        }
    }

    @Test("a broken service account does not fall back to the home directory")
    func noFallback() {
        let files = ["/root/.kube/config": Self.file]
        var environment = Self.pod
        environment["HOME"] = "/root"
        let search = ConfigurationSearch(environment: environment, read: FileReader(files))
        #expect(throws: ConfigurationError.self) { try search.find() }
    }

    @Test("descriptions name the kind of a credential and not the secret")
    func redaction() {
        let texts = [
            "\(Authentication.token("secret"))", "\(Authentication.basic(username: "u", password: "secret"))",
            "\(Credential(authorization: "secret", identity: .init(certificatePEM: [1], keyPEM: [2])))",
            String(reflecting: Authentication.token("secret")),
            String(reflecting: Credential(authorization: "secret")),
        ]
        #expect(texts.allSatisfy { !$0.contains("secret") })
    }
}

@Suite("PEM")
struct PEMTests {
    @Test("takes one or more certificates with text around them")
    func good() {
        #expect(PEM.holdsCertificates(Array(pem("AA").utf8)))
        #expect(PEM.holdsCertificates(Array("# mine\r\n\(pem("AA"))\r\n\(pem("BB"))\nend".utf8)))
    }

    @Test(
        "refuses what is cut off or garbage",
        arguments: [
            "", "x", "-----BEGIN CERTIFICATE-----\nMAAA", pem("AA") + "-----BEGIN CERTIFICATE-----\n",
            "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "-----BEGIN EC PRIVATE KEY-----\nMAAA\n-----END EC PRIVATE KEY-----\n",
        ])
    func bad(text: String) {
        #expect(!PEM.holdsCertificates(Array(text.utf8)))
    }
}
