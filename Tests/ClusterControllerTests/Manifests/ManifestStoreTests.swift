// SPDX-License-Identifier: Apache-2.0
import Glibc
import Kubernetes
import Platform
import StructuredData
import TestSupport
import Testing

@testable import ClusterController

@Suite("The manifests of clusters")
struct ManifestStoreTests {
    private let directory: TemporaryDirectory
    private let operations = Locked<[String]>([])
    private let store: ManifestStore

    init() throws {
        directory = try TemporaryDirectory()
        store = try Self.makeStore(directory.path, operations)
    }

    private static func makeStore(_ path: String, _ operations: Locked<[String]>) throws -> ManifestStore {
        try ManifestStore(path: path) { operation, succeeded in
            operations.withLock { $0.append(succeeded ? operation.rawValue : "failed \(operation.rawValue)") }
        }
    }

    /// A store of the next process.
    private func restarted() throws -> ManifestStore {
        try Self.makeStore(directory.path, operations)
    }

    private func takeOperations() -> [String] {
        operations.withLock { operations in
            defer { operations = [] }
            return operations
        }
    }

    @discardableResult
    private func write(_ cluster: KubernetesCluster, to store: ManifestStore? = nil) async throws -> String {
        try await (store ?? self.store).write(
            try Fixture.desired(cluster), of: ManifestOwner(cluster),
            named: try Fixture.validSpec(of: cluster).clusterName)
    }

    private func list(_ name: String = "simple") throws -> [String] {
        try FileSystem.list("\(directory.path)/\(name)")
    }

    private func read(_ name: String) throws -> String {
        String(decoding: try FileSystem.read("\(directory.path)/\(name)", limit: 1 << 20), as: UTF8.self)
    }

    private func put(_ name: String, _ text: String) throws {
        try FileSystem.replace("\(directory.path)/\(name)", with: Array(text.utf8))
    }

    private let files = [
        ".talos-operator.json", "simple-cp-0.yaml", "simple-cp-1.yaml", "simple-cp-2.yaml",
        "simple-workers-0.yaml",
        "simple-workers-1.yaml",
    ]

    @Test("Each Machine has a file that holds exactly what is applied")
    func contents() async throws {
        let cluster = Fixture.cluster()
        #expect(try await write(cluster) == "\(directory.path)/simple")
        #expect(try list() == files)
        for machine in try Fixture.desired(cluster) {
            let text = try read("simple/\(machine.key.name).yaml")
            #expect(try YAML.documents(Array(text.utf8)) == [machine.document])
        }
        #expect(takeOperations() == Array(repeating: "create", count: 5))
    }

    @Test("Manifests are not for everybody to read")
    func mode() async throws {
        try await write(Fixture.cluster())
        var status = stat()
        #expect(stat("\(directory.path)/simple/simple-cp-0.yaml", &status) == 0)
        #expect(status.st_mode & 0o777 == 0o640)
    }

    @Test("What has its content already is not written, in this process or the next")
    func unchanged() async throws {
        let cluster = Fixture.cluster()
        try await write(cluster)
        let before = try FileSystem.read("\(directory.path)/simple/simple-cp-0.yaml", limit: 1 << 20)
        _ = takeOperations()
        try await write(cluster)
        try await write(cluster, to: try restarted())
        #expect(takeOperations().isEmpty)
        #expect(try FileSystem.read("\(directory.path)/simple/simple-cp-0.yaml", limit: 1 << 20) == before)
    }

    @Test("Only files whose content changed are written")
    func changed() async throws {
        try await write(Fixture.cluster())
        _ = takeOperations()
        try await write(Fixture.cluster(#"{"controlPlane": {"machineTemplate": {"spec": {"x": "yes"}}}}"#))
        #expect(takeOperations() == ["update", "update", "update"])
        #expect(try read("simple/simple-cp-1.yaml").contains("x: \"yes\""))
    }

    @Test("Files of Machines that left are removed, also if they left while nobody was looking")
    func removed() async throws {
        try await write(Fixture.cluster())
        _ = takeOperations()
        try await write(Fixture.cluster(#"{"workers": []}"#), to: try restarted())
        #expect(takeOperations() == ["delete", "delete"])
        #expect(try list() == Array(files.prefix(4)))
    }

    @Test("A file that was edited or removed by hand is put back")
    func tampered() async throws {
        let cluster = Fixture.cluster()
        try await write(cluster)
        #expect(await store.isIntact(ManifestOwner(cluster)))
        let content = try read("simple/simple-cp-0.yaml")
        try put("simple/simple-cp-0.yaml", "mine\n")
        try FileSystem.remove("\(directory.path)/simple/simple-cp-1.yaml")
        #expect(await !store.isIntact(ManifestOwner(cluster)))
        _ = takeOperations()
        try await write(cluster)
        #expect(takeOperations() == ["update", "create"])
        #expect(try read("simple/simple-cp-0.yaml") == content)
        #expect(await store.isIntact(ManifestOwner(cluster)))
    }

    @Test("A directory that somebody removed is made again")
    func directoryRemoved() async throws {
        let cluster = Fixture.cluster()
        try await write(cluster)
        for name in try list() { try FileSystem.remove("\(directory.path)/simple/\(name)") }
        #expect(rmdir("\(directory.path)/simple") == 0)
        #expect(await !store.isIntact(ManifestOwner(cluster)))
        try await write(cluster)
        #expect(try list() == files)
    }

    @Test("Nothing is known to be intact before it was written")
    func notIntactAtFirst() async throws {
        let cluster = Fixture.cluster()
        try await write(cluster)
        #expect(await !(try restarted().isIntact(ManifestOwner(cluster))))
    }

    @Test("Files that are not ours stay, whatever happens to the cluster")
    func foreignFiles() async throws {
        let cluster = Fixture.cluster()
        try await write(cluster)
        try put("simple/simple-notes.yaml", "mine\n")
        try put("simple/README", "mine\n")
        try await write(Fixture.cluster(#"{"workers": []}"#))
        try await store.remove(of: cluster.key)
        #expect(try list() == ["README", "simple-notes.yaml"])
        #expect(try read("simple/README") == "mine\n")
    }

    @Test("A deleted cluster leaves nothing behind, and its neighbours alone")
    func removal() async throws {
        let neighbour = Fixture.cluster(#"{"clusterName": "simple-2"}"#, name: "b", uid: "uid-b")
        try await write(Fixture.cluster())
        try await write(neighbour)
        _ = takeOperations()
        try await store.remove(of: Fixture.cluster().key)
        #expect(try FileSystem.list(directory.path) == ["simple-2"])
        #expect(takeOperations() == Array(repeating: "delete", count: 5))
        #expect(await store.isIntact(ManifestOwner(neighbour)))
    }

    @Test("Removal works after a restart, twice, and where nothing is left")
    func removalAgain() async throws {
        let cluster = Fixture.cluster()
        try await store.remove(of: cluster.key)
        try await write(cluster)
        try FileSystem.remove("\(directory.path)/simple/simple-cp-0.yaml")
        let next = try restarted()
        try await next.remove(of: cluster.key)
        try await next.remove(of: cluster.key)
        #expect(try FileSystem.list(directory.path).isEmpty)
        let gone = try ManifestStore(path: "\(directory.path)/never/made")
        try await gone.remove(of: cluster.key)
    }

    @Test("Two clusters of one name in different namespaces have a directory each")
    func sameName() async throws {
        let (first, second) = (
            Fixture.cluster(), Fixture.cluster(namespace: "other", uid: "uid-2")
        )
        try await write(first)
        #expect(try await write(second) == "\(directory.path)/simple.other")
        #expect(try list() == list("simple.other"))
        #expect(try read("simple/simple-cp-0.yaml").contains("namespace: default"))
        #expect(try read("simple.other/simple-cp-0.yaml").contains("namespace: other"))
        // Whoever has a directory keeps it, also when the other one is gone and after a restart.
        try await store.remove(of: first.key)
        #expect(try await write(second, to: try restarted()) == "\(directory.path)/simple.other")
        #expect(try FileSystem.list(directory.path) == ["simple.other"])
    }

    @Test("A third owner finds no directory and touches none")
    func directoriesTaken() async throws {
        try await write(Fixture.cluster(namespace: "other"))
        try await write(Fixture.cluster(name: "x", uid: "uid-2"))
        #expect(try list("simple.default") == files)
        let third = Fixture.cluster(name: "y", uid: "uid-3")
        await #expect(
            throws: ManifestError.directoriesTaken([
                "\(directory.path)/simple", "\(directory.path)/simple.default",
            ])
        ) { try await write(third) }
    }

    @Test("A cluster that was made anew under its name takes its directory over")
    func recreated() async throws {
        try await write(Fixture.cluster())
        let recreated = Fixture.cluster(#"{"workers": []}"#, uid: "uid-2")
        #expect(try await write(recreated, to: try restarted()) == "\(directory.path)/simple")
        #expect(try list() == Array(files.prefix(4)))
        #expect(try read("simple/simple-cp-0.yaml").contains("uid-2"))
    }

    @Test("A cluster that was renamed takes its files along")
    func renamed() async throws {
        try await write(Fixture.cluster())
        try await write(Fixture.cluster(#"{"clusterName": "new"}"#))
        #expect(try FileSystem.list(directory.path) == ["new"])
    }

    @Test("A directory that says something odd about its owner is not ours")
    func oddRecord() async throws {
        try FileSystem.makeDirectory("\(directory.path)/simple")
        try put("simple/.talos-operator.json", "{")
        #expect(try await write(Fixture.cluster()) == "\(directory.path)/simple.default")
        #expect(try list() == [".talos-operator.json"])
    }

    @Test("A record that names files that cannot be ours removes none of them, and stops nothing")
    func tamperedRecord() async throws {
        try await write(Fixture.cluster())
        try put("precious.yaml", "precious\n")
        try put("simple/notes.txt", "mine\n")
        try FileSystem.makeDirectory("\(directory.path)/simple/folder")
        try put(
            "simple/.talos-operator.json",
            #"""
            {"namespace":"default","name":"simple","uid":"u","files":["../precious.yaml","..","","a\u0000b",
             "/etc/passwd","notes.txt","folder",".talos-operator.json","\#(String(repeating: "x", count: 300)).yaml",
             "simple-cp-0.yaml"]}
            """#)
        let next = try restarted()
        try await write(Fixture.cluster(), to: next)
        try await next.remove(of: ManifestOwner(Fixture.cluster()).key)
        #expect(try read("precious.yaml") == "precious\n")
        #expect(try list() == ["folder", "notes.txt"])
    }

    @Test("Machines that nest as deep as the API allows are written, and deep records are refused")
    func deep() async throws {
        let levels = 230
        let nested = String(repeating: #"{"a":"#, count: levels) + "1" + String(repeating: "}", count: levels)
        let cluster = Fixture.cluster(
            #"{"controlPlane": {"replicas": 1, "machineTemplate": {"spec": {"x": \#(nested)}}}}"#)
        try await write(cluster)
        #expect(
            try read("simple/simple-cp-0.yaml").contains("\(String(repeating: " ", count: 2 * levels))a: 1"))
        try put(
            "simple/.talos-operator.json",
            String(repeating: "[", count: 250) + String(repeating: "]", count: 250))
        #expect(try await write(cluster, to: try restarted()) == "\(directory.path)/simple.default")
    }

    @Test("A directory without an owner is claimed, what is in it stays")
    func unclaimed() async throws {
        try FileSystem.makeDirectory("\(directory.path)/simple")
        try put("simple/README", "mine\n")
        #expect(try await write(Fixture.cluster()) == "\(directory.path)/simple")
        #expect(try list() == [".talos-operator.json", "README"] + files.dropFirst())
    }

    @Test("A link in the place of a directory or file leads nowhere")
    func links() async throws {
        try FileSystem.makeDirectory("\(directory.path)/outside")
        try put("outside/target", "precious\n")
        #expect(symlink("\(directory.path)/outside", "\(directory.path)/simple") == 0)
        await #expect(throws: ManifestError.self) { try await write(Fixture.cluster()) }
        #expect(unlink("\(directory.path)/simple") == 0)

        try FileSystem.makeDirectory("\(directory.path)/simple")
        #expect(symlink("\(directory.path)/outside/target", "\(directory.path)/simple/simple-cp-0.yaml") == 0)
        try await write(Fixture.cluster())
        try await store.remove(of: Fixture.cluster().key)
        #expect(try FileSystem.list("\(directory.path)/outside") == ["target"])
        #expect(try read("outside/target") == "precious\n")
    }

    @Test("What a crash in the middle of a write left behind is removed")
    func temporaries() async throws {
        let cluster = Fixture.cluster()
        try await write(cluster)
        try put("simple/.tmp-0123456789abcdef", "half")
        try await write(cluster, to: try restarted())
        #expect(try list() == files)
        try put("simple/.tmp-0123456789abcdef", "half")
        try await store.remove(of: cluster.key)
        #expect(try FileSystem.list(directory.path).isEmpty)
    }

    @Test("A disk that cannot be written is an error that names the path, and is counted")
    func unwritable() async throws {
        try put("file", "not a directory\n")
        let store = try ManifestStore(path: "\(directory.path)/file/results")
        let failure = await #expect(throws: ManifestError.self) {
            try await write(Fixture.cluster(), to: store)
        }
        #expect(failure?.description.contains("\(directory.path)/file") == true)

        try FileSystem.makeDirectory("\(directory.path)/simple/simple-cp-1.yaml")
        await #expect(throws: ManifestError.self) { try await write(Fixture.cluster()) }
        #expect(takeOperations() == ["failed create"])
        // Once the cause is gone, the rest follows.
        #expect(rmdir("\(directory.path)/simple/simple-cp-1.yaml") == 0)
        try await write(Fixture.cluster())
        #expect(try list() == files)
    }
}
