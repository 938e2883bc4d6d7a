// SPDX-License-Identifier: Apache-2.0
import HTTP
import Kubernetes
import StructuredData
import Testing

@Suite("Kubeconfig")
struct KubeconfigTests {
    /// A file with one context `name` for cluster and user of the same name.
    private func file(
        _ name: String, cluster: String = "server: https://host:6443", user: String = "token: t",
        context: String = ""
    ) -> String {
        """
        apiVersion: v1
        kind: Config
        current-context: \(name)
        unknown: [1, {a: b}]
        clusters:
        - name: \(name)
          cluster:
            \(cluster.split(separator: "\n").joined(separator: "\n    "))
        users:
        - name: \(name)
          user:
            \(user.split(separator: "\n").joined(separator: "\n    "))
        contexts:
        - name: \(name)
          context:
            cluster: \(name)
            user: \(name)
            \(context)
        """
    }

    private func resolve(_ text: String, at path: String = "/etc/kc/config") throws -> ClusterConfiguration {
        try Kubeconfig(contentsOf: path, read: FileReader([path: text])).resolve().0
    }

    private func problems(_ text: String) -> [String] {
        do {
            _ = try resolve(text)
            return []
        } catch ConfigurationError.invalid(let problems) {
            return problems.map { $0.hasPrefix("/etc/kc/config: ") ? String($0.dropFirst(16)) : $0 }
        } catch {
            return ["\(error)"]
        }
    }

    @Test("reads a context with its cluster, user and namespace")
    func simple() throws {
        let configuration = try resolve(
            file(
                "a", cluster: "server: https://host:6443/prefix/\ntls-server-name: other",
                context: "namespace: ns"))
        #expect(
            configuration
                == ClusterConfiguration(
                    endpoint: Endpoint(scheme: .https, host: "host", port: 6443, pathPrefix: "/prefix"),
                    serverName: "other", authentication: .token("t"), namespace: "ns",
                    origin: "context \"a\" of /etc/kc/config"))
    }

    @Test("without a namespace the namespace is default, and verification is on")
    func defaults() throws {
        let configuration = try resolve(file("a"))
        #expect(configuration.namespace == "default")
        #expect(configuration.trust == .system)
        #expect(configuration.proxy == nil)
    }

    @Test("reads JSON, CRLF and Base64 over several lines")
    func syntaxes() throws {
        let json = """
            {"current-context": "a", "contexts": [{"name": "a", "context": {"cluster": "c"}}],
             "clusters": [{"name": "c", "cluster": {"server": "https://h", "certificate-authority-data": "AA\\nEC"}}]}
            """
        #expect(try resolve(json).trust == .certificates(.inline([0, 1, 2])))
        let windows = file("a", cluster: "server: https://h:1\ncertificate-authority-data: |\n  AA\n  EC")
            .split(separator: "\n", omittingEmptySubsequences: false).joined(separator: "\r\n")
        #expect(try resolve(windows).trust == .certificates(.inline([0, 1, 2])))
    }

    @Test("of several files the first one's entries count, whole")
    func merge() throws {
        let first = file("a", cluster: "server: https://first:1", user: "username: u\npassword: p")
        let second = file("a", cluster: "server: https://second:2\ntls-server-name: x")
        let third = file("b", cluster: "server: https://third:3")
        let read = FileReader(["/1": first, "/2": second, "/3": third])
        let merged = try Kubeconfig(list: "::/1:/missing:/2:/1:/3:", read: read)
        let a = try merged.resolve().0
        #expect(a.endpoint.host == "first")
        #expect(a.serverName == nil)
        #expect(a.authentication == .basic(username: "u", password: "p"))
        #expect(try merged.resolve(context: "b").0.endpoint.host == "third")
    }

    @Test("the current context is that of the first file that sets one")
    func currentContext() throws {
        let none = "clusters: []\ncurrent-context: \"\"\n"
        let read = FileReader(["/0": none, "/1": file("x"), "/2": file("z")])
        #expect(
            try Kubeconfig(list: "/0:/1:/2", read: read).resolve().0.origin == "context \"x\" of /0, /1, /2")
    }

    @Test("files that are all missing or all empty are no configuration")
    func nothing() {
        #expect(throws: ConfigurationError.noConfiguration(searched: ["/1", "/2"])) {
            try Kubeconfig(list: "/1::/2", read: FileReader([:]))
        }
        #expect(throws: ConfigurationError.noConfiguration(searched: ["/1"])) {
            try Kubeconfig(list: "/1", read: FileReader(["/1": "\n"])).resolve()
        }
    }

    @Test("a file that was named must be there, and the problems of all files are reported")
    func unreadable() {
        #expect(throws: ConfigurationError.invalid(["cannot open /1: No such file or directory (ENOENT)"])) {
            try Kubeconfig(contentsOf: "/1", read: FileReader([:]))
        }
        let error = #expect(throws: ConfigurationError.self) {
            try Kubeconfig(
                list: "/1:/2:/3", read: FileReader(["/1": "a: [", "/2": "- x", "/3": "clusters: 7"]))
        }
        guard case .invalid(let problems) = error else { return }
        #expect(problems.count == 3)
        #expect(problems.first?.hasPrefix("/1: ") == true)
        #expect(
            problems.dropFirst() == [
                "/2: must be an object, not a list", "/3: clusters: must be a list, not a number",
            ])
    }

    @Test("relative paths start from the file they stand in")
    func relativePaths() throws {
        let user = "client-certificate: c.crt\nclient-key: /abs/c.key\ntokenFile: ../token"
        let cluster = "server: https://h\ncertificate-authority: ca/ca.crt"
        let configuration = try resolve(file("a", cluster: cluster, user: user), at: "/home/u/kc/config")
        #expect(configuration.trust == .certificates(.file("/home/u/kc/ca/ca.crt")))
        #expect(
            configuration.identity
                == .init(certificate: .file("/home/u/kc/c.crt"), key: .file("/abs/c.key")))
        #expect(configuration.authentication == .tokenFile("/home/u/kc/../token"))
        let here = try resolve(file("a", cluster: cluster, user: user), at: "config")
        #expect(here.trust == .certificates(.file("./ca/ca.crt")))
    }

    @Test("data goes before a file, a token file before a token, and that is reported")
    func precedence() throws {
        let text = file(
            "a", cluster: "server: https://h\ncertificate-authority: x\ncertificate-authority-data: AAEC",
            user: "token: t\ntokenFile: /t")
        let kubeconfig = try Kubeconfig(contentsOf: "/c", read: FileReader(["/c": text]))
        let (configuration, warnings) = try kubeconfig.resolve()
        #expect(configuration.trust == .certificates(.inline([0, 1, 2])))
        #expect(configuration.authentication == .tokenFile("/t"))
        #expect(
            warnings == [
                "cluster \"a\": certificate-authority-data is used and certificate-authority is not",
                "user \"a\": tokenFile is used and token is not",
            ])
    }

    @Test("of equal names in one file the first counts, and that is reported")
    func duplicates() throws {
        let text = file("a").replacingFirst(
            "users:\n", with: "users:\n- name: a\n  user: {token: first}\n")
        let (configuration, warnings) = try Kubeconfig(contentsOf: "/c", read: FileReader(["/c": text]))
            .resolve()
        #expect(configuration.authentication == .token("first"))
        #expect(warnings == ["/c: users has \"a\" twice; the first one counts"])
    }

    @Test("insecure is insecure only when it says so, and never with a CA")
    func insecure() throws {
        #expect(
            try resolve(file("a", cluster: "server: https://h\ninsecure-skip-tls-verify: true")).trust
                == .insecure)
        #expect(
            try resolve(file("a", cluster: "server: https://h\ninsecure-skip-tls-verify: false")).trust
                == .system)
        #expect(
            problems(
                file(
                    "a",
                    cluster: "server: https://h\ninsecure-skip-tls-verify: true\ncertificate-authority: c"))
                == [
                    "cluster \"a\": insecure-skip-tls-verify: must not be set together with certificate-authority"
                ])
    }

    @Test("names every entry that is missing")
    func missingEntries() {
        let text = """
            current-context: a
            contexts: [{name: a, context: {cluster: c, user: u}}, {name: b, context: {}}]
            """
        #expect(
            problems(text) == [
                "context \"a\": cluster: there is no cluster \"c\"",
                "context \"a\": user: there is no user \"u\"",
            ])
        #expect(
            problems(text.replacingFirst("current-context: a", with: "current-context: z")) == [
                "context \"z\": there is no context of that name"
            ])
        #expect(
            problems(text.replacingFirst("current-context: a", with: "current-context: b")) == [
                "context \"b\": cluster: is missing"
            ])
        #expect(
            problems(text.replacingFirst("current-context: a", with: "")) == [
                "current-context: is not set in /etc/kc/config"
            ])
    }

    @Test(
        "names the entry and the field that is wrong, and not its secret",
        arguments: [
            (
                "server: h:6443", "",
                "cluster \"a\": server: must be a URL https://host[:port][/path] without user, not \"h:6443\""
            ),
            (
                "server: https://u:secret@h", "",
                "cluster \"a\": server: must be a URL https://host[:port][/path] without user"
            ),
            ("tls-server-name: x", "", "cluster \"a\": server: is missing"),
            ("server: 7", "", "cluster \"a\": server: must be a string, not a number"),
            (
                "server: https://h\nproxy-url: ftp://p", "",
                "cluster \"a\": proxy-url: must begin with http://, https:// or socks5://"
            ),
            (
                "server: https://h\ncertificate-authority-data: '%secret'", "",
                "cluster \"a\": certificate-authority-data: must be Base64"
            ),
            ("", "client-certificate: c", "user \"a\": client-certificate: needs a client-key"),
            ("", "client-key-data: AAEC", "user \"a\": client-key: needs a client-certificate"),
            ("", "password: secret", "user \"a\": password: needs a username"),
            ("", "token: secret\nusername: u", "user \"a\": only one of token, username may be set"),
            ("", "auth-provider: {name: gcp}", "user \"a\": auth-provider: is not supported; use exec"),
            ("", "as: root", "user \"a\": as: acting as another user is not supported"),
        ])
    func wrongFields(cluster: String, user: String, problem: String) {
        let text = file(
            "a", cluster: cluster.isEmpty ? "server: https://h" : cluster,
            user: user.isEmpty ? "token: t" : user)
        let problems = problems(text).filter { !$0.hasSuffix("server: is missing") || $0 == problem }
        #expect(problems == [problem])
    }

    @Test("reads a credential plugin with what it may know of the cluster")
    func plugin() throws {
        let cluster = """
            server: https://h:1
            tls-server-name: name
            proxy-url: http://p:3128
            insecure-skip-tls-verify: true
            extensions:
            - name: client.authentication.k8s.io/exec
              extension: {audience: x}
            """
        let user = """
            exec:
              apiVersion: client.authentication.k8s.io/v1
              command: bin/login
              args: [--a, b]
              env: [{name: K, value: v}, {name: E}]
              installHint: get it
              interactiveMode: IfAvailable
              provideClusterInfo: true
            """
        guard case .plugin(let plugin) = try resolve(file("a", cluster: cluster, user: user)).authentication
        else {
            Issue.record("expected a plugin")
            return
        }
        #expect(plugin.apiVersion == "client.authentication.k8s.io/v1")
        #expect(plugin.command == "/etc/kc/bin/login")
        #expect(plugin.arguments == ["--a", "b"])
        #expect(plugin.environment == ["K": "v", "E": ""])
        #expect(plugin.installHint == "get it")
        #expect(!plugin.needsTerminal)
        #expect(plugin.cluster?.server == "https://h:1")
        #expect(plugin.cluster?.serverName == "name")
        #expect(plugin.cluster?.proxy == "http://p:3128")
        #expect(plugin.cluster?.trust == .insecure)
        #expect(plugin.cluster?.config == ["audience": "x"])
    }

    @Test("a bare plugin command is left to PATH")
    func bareCommand() throws {
        let user = "exec: {apiVersion: client.authentication.k8s.io/v1beta1, command: login}"
        guard case .plugin(let plugin) = try resolve(file("a", user: user)).authentication else {
            Issue.record("expected a plugin")
            return
        }
        #expect(plugin.command == "login")
        #expect(plugin.cluster == nil)
    }

    @Test(
        "names what is wrong with a plugin",
        arguments: [
            (
                "apiVersion: client.authentication.k8s.io/v1alpha1, command: x",
                "apiVersion: must be client.authentication.k8s.io/v1 or client.authentication.k8s.io/v1beta1, "
                    + "not \"client.authentication.k8s.io/v1alpha1\""
            ),
            ("apiVersion: client.authentication.k8s.io/v1beta1", "command: is missing"),
            (
                "apiVersion: client.authentication.k8s.io/v1, command: x",
                "interactiveMode: is missing; must be one of Never, IfAvailable, Always"
            ),
            (
                "apiVersion: client.authentication.k8s.io/v1, command: x, interactiveMode: Often",
                "interactiveMode: must be one of Never, IfAvailable, Always, not \"Often\""
            ),
        ])
    func wrongPlugin(fields: String, problem: String) {
        #expect(problems(file("a", user: "exec: {\(fields)}")) == ["user \"a\": exec: \(problem)"])
    }
}

@Suite("Endpoint URLs")
struct EndpointParsingTests {
    @Test(
        "reads scheme, host, port and prefix",
        arguments: [
            ("https://h", "https://h:443"), ("http://h", "http://h:80"),
            ("HTTPS://h:6443/", "https://h:6443"),
            ("https://[fd00::1]:6443", "https://[fd00::1]:6443"), ("https://[::1]", "https://[::1]:443"),
            ("https://10.0.0.1:1/k8s/c-1//", "https://10.0.0.1:1/k8s/c-1"),
        ])
    func good(url: String, expected: String) {
        #expect(Endpoint(url: url)?.description == expected)
    }

    @Test(
        "refuses what it would have to guess",
        arguments: [
            "", "h", "h:6443", "https://", "https://:1", "ftp://h", "https://h:0", "https://h:65536",
            "https://h:x", "https://h:+1", "https://u@h", "https://h?q", "https://h#f", "https://[::1",
            "https://[h]",
            "https://fd00::1", "https://h h", "//h", "https://[::1]x",
        ])
    func bad(url: String) {
        #expect(Endpoint(url: url) == nil)
    }
}
