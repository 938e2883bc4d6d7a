// SPDX-License-Identifier: Apache-2.0
package import Kubernetes

extension KubernetesClient {
    /// Watches the objects of a namespace until `isTrue` of all of them, and returns them sorted by name.
    ///
    /// An empty namespace stands for all. It waits for ever; the test's time limit is the limit.
    @discardableResult
    package func waitUntil<R: Resource>(
        _ type: R.Type, in namespace: String, fieldSelector: String = "", _ isTrue: ([R]) -> Bool
    ) async throws -> [R] {
        let selection = ObjectSelection(
            namespace: namespace.isEmpty ? nil : namespace, fieldSelector: fieldSelector)
        while true {
            let page = try await list(type, selection)
            var objects = Dictionary(uniqueKeysWithValues: page.items.map { ($0.key, $0) })
            var all: [R] { objects.values.sorted { $0.key < $1.key } }
            if isTrue(all) { return all }
            var stream = try await watch(
                type, selection, from: page.resourceVersion, timeout: .seconds(60))
            while let event = try await stream.next() {
                switch event {
                case .added(let object), .modified(let object): objects[object.key] = object
                case .deleted(let object): objects[object.key] = nil
                case .bookmark, .failed, .undecodable: continue
                }
                if isTrue(all) { return all }
            }
        }
    }

    /// Waits until the object exists and `isTrue` of it.
    @discardableResult
    package func waitFor<R: Resource>(
        _ type: R.Type, _ key: ObjectKey, _ isTrue: (R) -> Bool = { _ in true }
    ) async throws -> R {
        let found = try await waitUntil(
            type, in: key.namespace, fieldSelector: "metadata.name=\(key.name)"
        ) { $0.first.map(isTrue) ?? false }
        guard let object = found.first else { throw APIError.invalidRequest("unreachable") }
        return object
    }

    /// Waits until the object does not exist.
    package func waitUntilGone<R: Resource>(_ type: R.Type, _ key: ObjectKey) async throws {
        try await waitUntil(
            type, in: key.namespace, fieldSelector: "metadata.name=\(key.name)", \.isEmpty)
    }
}
