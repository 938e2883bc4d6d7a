// SPDX-License-Identifier: Apache-2.0
import HTTP
import Kubernetes
import TestSupport
import Testing

@Suite("Damaged kubeconfigs")
struct KubeconfigFuzzTests {
    private static let secret = "hush7f3a"
    private static let file = """
        apiVersion: v1
        kind: Config
        current-context: c
        clusters:
        - name: c
          cluster: {server: "https://host:6443", tls-server-name: other, insecure-skip-tls-verify: false}
        users:
        - name: u
          user:
            token: \(secret)
            username: me
            password: \(secret)
        - name: p
          user: {exec: {apiVersion: client.authentication.k8s.io/v1, command: get, env: [{name: K, value: \(secret)}]}}
        contexts:
        - name: c
          context: {cluster: c, user: u, namespace: n}
        """

    /// Changes some bytes, drops a piece or repeats one.
    private func damaged(_ random: inout SeededGenerator) -> String {
        var bytes = Array(Self.file.utf8)
        for _ in 0..<Int.random(in: 1...3, using: &random) {
            let place = Int.random(in: 0..<bytes.count, using: &random)
            let end = min(bytes.count, place + Int.random(in: 1...12, using: &random))
            switch Int.random(in: 0..<4, using: &random) {
            case 0: bytes[place] = UInt8.random(in: 0x20...0x7e, using: &random)
            case 1: bytes.removeSubrange(place..<end)
            case 2: bytes.insert(contentsOf: bytes[place..<end], at: place)
            default: bytes.insert(Array(":-[]{}&*#'\"\n".utf8).randomElement(using: &random) ?? 0, at: place)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test("are read or refused, and no message tells a secret", arguments: UInt64(0)..<50)
    func messages(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<20 {
            let text = damaged(&random)
            do throws(ConfigurationError) {
                let file = try Kubeconfig(contentsOf: "/k", read: FileReader(["/k": text]))
                let (configuration, warnings) = try file.resolve()
                #expect(!warnings.contains { $0.contains(Self.secret) })
                #expect(!configuration.endpoint.host.isEmpty)
            } catch {
                #expect(!"\(error)".contains(Self.secret), "\(error)")
                #expect("\(error)".contains("/k"), "\(error)")
            }
        }
    }
}
