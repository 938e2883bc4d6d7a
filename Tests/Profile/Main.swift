// SPDX-License-Identifier: Apache-2.0
import CGlibc
import ClusterController
import ControllerRuntime
import Glibc
import HTTP
import Kubernetes
import Observability
import StructuredData
import TestSupport

/// Does one kind of work a given number of times, for a profiler to count what it costs.
///
/// hack/profile.py runs it twice, with different counts: the difference is free of what the start costs.
@main
enum Main {
    static func main() async {
        let arguments = CommandLine.arguments.dropFirst()
        guard let work = arguments.first.flatMap(Work.init), let count = arguments.last.flatMap({ Int($0) }),
            arguments.count == 2
        else {
            print("usage: Profile \(Work.allCases.map(\.rawValue).joined(separator: "|")) COUNT")
            exit(2)
        }
        do {
            try await work.perform(count)
        } catch {
            print("Profile: \(error)")
            exit(1)
        }
    }
}

/// What can be measured.
enum Work: String, CaseIterable {
    /// A new cluster of eight Machines: ten requests, their echoes, eight manifests.
    case create
    /// A look at a cluster in which nothing has changed.
    case settled
    /// A watch event of a Machine that does not matter, as a provider's heartbeat.
    case event
    /// A Machine in a page of the first list, into the cache.
    case list
    /// The metrics page of 100 clusters.
    case scrape
    /// A log line.
    case log
    /// What the cache takes for so many clusters; prints a JSON line.
    case memory
    /// So many clusters, started, reconciled and looked at again; prints a JSON line.
    case scale
    /// So many secrets bundles of either kind; prints a JSON line for each.
    case talosBundle = "talos-bundle"
    /// The Talos configurations of eight machines, so many times; prints a JSON line.
    case talosRender = "talos-render"
    /// The Talos configurations of so many clusters; prints a JSON line.
    case talosClusters = "talos-clusters"

    func perform(_ count: Int) async throws {
        let directory = try TemporaryDirectory()
        switch self {
        case .create:
            try await sample(0, directory) { for number in 0..<count { await $0.create(number) } }
        case .settled:
            try await sample(0, directory) { sample in
                await sample.create(0)
                for _ in 0..<count { await sample.reconcile(0) }
            }
        case .event:
            try await sample(1, directory) { for beat in 0..<count { try await $0.beatHeart(of: 0, beat) } }
        case .list:
            try await SampleOperator(clusters: count, results: directory.path).withCaches { _ in }
        case .scrape:
            try await sample(100, directory) { for _ in 0..<count { _ = $0.registry.render() } }
        case .log:
            try await sample(0, directory) { for number in 0..<count { $0.log(number) } }
        case .memory:
            print(try await CacheFootprint.measure(clusters: count).line)
        case .scale:
            print(try await Scale.measure(clusters: count, directory.path).line)
        case .talosBundle:
            for object in try TalosWork.bundles(count) { print(object.line) }
        case .talosRender:
            print(try TalosWork.rendering(count).line)
        case .talosClusters:
            print(try TalosWork.clusters(count).line)
        }
    }

    private func sample(
        _ clusters: Int, _ directory: TemporaryDirectory,
        _ body: @escaping @Sendable (SampleOperator) async throws -> Void
    ) async throws {
        try await SampleOperator(clusters: clusters, results: directory.path).withCaches {
            try await $0.withWorker(body)
        }
    }
}

extension JSONObject {
    /// The object as one line of text.
    fileprivate var line: String { String(decoding: JSONValue.object(self).encoded(), as: UTF8.self) }
}

/// How much memory Machines take in the cache, and their JSON beside it.
enum CacheFootprint {
    /// Fills a cache page by page, as a list does, and counts the bytes that the allocator has given out for it.
    static func measure(clusters: Int) async throws -> JSONObject {
        let server = SampleServer(clusters: clusters)
        let client = KubernetesClient(
            transport: server, endpoint: Endpoint(scheme: .https, host: "sample", port: 443),
            fieldManager: APINames.fieldManager)
        let (store, writers) = Store<Machine>.make()
        guard let writer = writers.first else { return [:] }
        let json = try (0..<clusters).reduce(0) { sum, number in
            try SampleDocuments.machines(of: number, version: 900).reduce(sum) { $0 + plainSize($1) }
        }
        let before = mallinfo2().uordblks + mallinfo2().hblkhd
        try await fill(writer, client)
        let used = mallinfo2().uordblks + mallinfo2().hblkhd - before
        let machines = store.count
        return [
            "machines": .integer(Int64(machines)), "json_bytes": .integer(Int64(json / machines)),
            "cache_bytes": .integer(Int64(used) / Int64(machines)),
            "ratio": .double((Double(used) / Double(json) * 1000).rounded() / 1000),
        ]
    }

    /// The JSON of a Machine without what is dropped in any case, so that it is not too easy.
    private static func plainSize(_ machine: JSONValue) -> Int {
        machine.mergePatched(with: ["metadata": ["managedFields": .null]]).encoded().count
    }

    private static func fill(_ writer: StoreWriter<Machine>, _ client: KubernetesClient) async throws {
        writer.beginList()
        var token = ""
        repeat {
            let page = try await client.page(Machine.self, limit: 500, continueToken: token)
            _ = writer.addPage(page.items)
            token = page.continueToken
            if token.isEmpty { _ = writer.endList(version: page.resourceVersion) }
        } while !token.isEmpty
    }
}
