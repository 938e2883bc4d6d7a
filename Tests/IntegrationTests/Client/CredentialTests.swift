// SPDX-License-Identifier: Apache-2.0
import HTTP
import Kubernetes
import Platform
import StructuredData
import TestSupport
import Testing

@Suite("Credentials that change", .timeLimit(.minutes(15)))
struct CredentialTests {
    @Test("a new client certificate is who we are from the next request on, and watches come back under it")
    func certificateRotation() async throws {
        let bench = try await Bench.shared("certificate")
        let controlPlane = bench.controlPlane
        let users = ["first-of-\(bench.namespace)", "second-of-\(bench.namespace)"]
        let directory = try TemporaryDirectory.make(in: controlPlane.stateDirectory)
        var configuration = try controlPlane.adminConfiguration()
        configuration.identity = ClusterConfiguration.Identity(
            certificate: .file("\(directory)/tls.crt"), key: .file("\(directory)/tls.key"))
        func put(_ user: String) async throws {
            let identity = try await controlPlane.issueCertificate(user: user)
            try FileSystem.replace("\(directory)/tls.key", with: try identity.key.bytes(.machine))
            try FileSystem.replace("\(directory)/tls.crt", with: try identity.certificate.bytes(.machine))
        }
        try await put(users[0])
        for user in users {
            try await controlPlane.grant(
                user, in: bench.namespace, group: "", resources: ["configmaps"], verbs: ["watch"])
        }
        let client = try controlPlane.linkedClient(configuration, certificateInterval: .zero).client
        var stream = try await client.watch(
            ConfigMap.self, bench.selection(), from: "", timeout: .seconds(60))
        #expect(try await Self.name(of: client, in: bench) == users[0])

        try await put(users[1])
        #expect(try await Self.name(of: client, in: bench) == users[1])
        do {
            while try await stream.next() != nil {}
            Issue.record("the watch ended as if the server had ended it")
        } catch {
            #expect(error.isInterrupted)
        }
        _ = try await client.watch(ConfigMap.self, bench.selection(), from: "", timeout: .seconds(60))
    }

    @Test("a certificate whose key is not there yet is not used, and requests go on")
    func halfWrittenPair() async throws {
        let bench = try await Bench.shared("half-written")
        let controlPlane = bench.controlPlane
        let directory = try TemporaryDirectory.make(in: controlPlane.stateDirectory)
        let user = "whole-of-\(bench.namespace)"
        let first = try await controlPlane.issueCertificate(user: user)
        let second = try await controlPlane.issueCertificate(user: "half-of-\(bench.namespace)")
        try FileSystem.replace("\(directory)/tls.key", with: try first.key.bytes(.machine))
        try FileSystem.replace("\(directory)/tls.crt", with: try first.certificate.bytes(.machine))
        var configuration = try controlPlane.adminConfiguration()
        configuration.identity = ClusterConfiguration.Identity(
            certificate: .file("\(directory)/tls.crt"), key: .file("\(directory)/tls.key"))
        let client = try controlPlane.linkedClient(configuration, certificateInterval: .zero).client
        #expect(try await Self.name(of: client, in: bench) == user)
        try FileSystem.replace("\(directory)/tls.crt", with: try second.certificate.bytes(.machine))
        #expect(try await Self.name(of: client, in: bench) == user)
        #expect(try await Self.name(of: client, in: bench) == user)
        try FileSystem.replace("\(directory)/tls.key", with: try second.key.bytes(.machine))
        #expect(try await Self.name(of: client, in: bench) == "half-of-\(bench.namespace)")
    }

    /// Who the server takes us for, from its refusal of something that nobody may do.
    private static func name(of client: KubernetesClient, in bench: Bench) async throws -> String {
        let error = await apiError { _ = try await client.list(Role.self, bench.selection()) }
        let message = try #require(error?.status?.message, "\(String(describing: error))")
        let parts = message.split(separator: "\"")
        return try #require(parts.count > 1 ? String(parts[1]) : nil, "\(message)")
    }
}

extension APIError {
    fileprivate var isInterrupted: Bool {
        if case .transport(.interrupted) = self { true } else { false }
    }
}
