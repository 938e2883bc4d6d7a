// SPDX-License-Identifier: Apache-2.0
import Kubernetes
import Platform
import StructuredData
import TestSupport
import Testing

/// A namespace of its own on a control plane, with an administrator's client.
struct Bench: Sendable {
    let controlPlane: ControlPlane
    let namespace: String
    let client: KubernetesClient
    /// The way of `client` to the server.
    let link: NetworkLink
    /// What `client` has to tell.
    let notices: Journal<ClientNotice>

    /// A namespace on the control plane that is shared by all tests which leave it as it is.
    static func shared(_ purpose: String) async throws -> Bench {
        try await Bench(try await .shared(), purpose)
    }

    /// A namespace on the control plane that is restarted and starved.
    static func disturbed(_ purpose: String) async throws -> Bench {
        try await Bench(try await .disturbed(), purpose)
    }

    private init(_ controlPlane: ControlPlane, _ purpose: String) async throws {
        self.controlPlane = controlPlane
        namespace = try await controlPlane.makeNamespace(purpose)
        let notices = Journal<ClientNotice>()
        (client, link) = try controlPlane.linkedClient(
            controlPlane.adminKubeconfig, observers: ClientObservers(notice: { notices.append($0) }))
        self.notices = notices
    }

    /// The key of an object in the namespace.
    func key(_ name: String) -> ObjectKey { ObjectKey(namespace: namespace, name: name) }

    /// Everything in the namespace, or what a label selector selects.
    func selection(labels: String = "", fields: String = "") -> ObjectSelection {
        ObjectSelection(namespace: namespace, labelSelector: labels, fieldSelector: fields)
    }

    /// Another administrator's client, on a connection of its own.
    func anotherClient(fieldManager: String = "another") throws -> ControlPlane.LinkedClient {
        try controlPlane.linkedClient(controlPlane.adminKubeconfig, fieldManager: fieldManager)
    }

    /// Creates a Widget.
    @discardableResult
    func create(
        _ name: String, spec: JSONValue = ["size": 1], labels: [String: String] = [:],
        owner: OwnerReference? = nil
    ) async throws -> Widget {
        try await client.create(
            Widget.self, TestResources.widget(name, spec: spec, labels: labels, owner: owner),
            namespace: namespace)
    }

    /// Creates that many ConfigMaps, `m-0` and so on, over several requests at a time.
    func fill(_ count: Int, value: String = "", width: Int = 8) async throws {
        try await concurrently(0..<count, width: width) { number in
            _ = try await client.create(
                ConfigMap.self, TestResources.configMap("m-\(number)", value: value), namespace: namespace)
        }
    }
}

/// Runs `work` for each number, at most `width` at a time; the first error ends it.
func concurrently(
    _ numbers: Range<Int>, width: Int, _ work: @escaping @Sendable (Int) async throws -> Void
) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
        for number in numbers {
            if number - numbers.lowerBound >= width { try await group.next() }
            group.addTask { try await work(number) }
        }
        try await group.waitForAll()
    }
}

/// The error that `body` ends with; nil if it ends well.
///
/// An error of another kind fails the test.
func apiError(_ body: () async throws -> Void) async -> APIError? {
    do {
        try await body()
        return nil
    } catch {
        guard let error = error as? APIError else {
            Issue.record(error)
            return nil
        }
        return error
    }
}
