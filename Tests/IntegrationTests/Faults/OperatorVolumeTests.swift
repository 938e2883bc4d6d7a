// SPDX-License-Identifier: Apache-2.0
import Glibc
import Kubernetes
import Platform
import StructuredData
import TestSupport
import Testing

@Suite("Faults: the results volume", .timeLimit(.minutes(15)))
struct OperatorVolumeTests {
    /// What happens to the volume, and how it comes back.
    enum Fault: String, Sendable, CaseIterable {
        case full = "full"
        case readOnly = "read-only"
        case unmounted = "unmounted, then mounted empty"
        case emptied = "emptied"
        case replaced = "replaced by a file"
        case unwritable = "not writable any more"

        /// Whether the operator can still write somewhere below the path.
        var leavesRoom: Bool { self == .unmounted || self == .emptied }
    }

    @Test(
        "a results volume that fails keeps no Machine waiting, and all manifests are there when it is back",
        arguments: Fault.allCases)
    func volume(_ fault: Fault) async throws {
        try await Scenario.run("volume") { scenario in
            guard let disk = try await SmallDisk.make() else { return }
            do {
                try await run(fault, disk, scenario)
            } catch {
                await disk.remove()
                throw error
            }
            await disk.remove()
        }
    }

    private func run(_ fault: Fault, _ disk: SmallDisk, _ scenario: Scenario) async throws {
        // A file system that is mounted cannot be replaced, but a directory in it can.
        let path = "\(disk.path)/results"
        let process = try scenario.startOperator(
            flags: ["--reconcile-interval=1s"], resultsPath: path, wrapper: Self.withoutOverride)
        try await scenario.create(ClusterDocument("app", workers: [("w", 1)]))
        try await scenario.complete("app")
        try expectManifests(process, in: "app", equal: try await scenario.machines())

        try await strike(fault, disk, path)
        try await scenario.edit("app", ["workers": ClusterDocument.workers([("w", 3)])])
        try await scenario.create(ClusterDocument("new", workers: [("w", 1)]))
        let names = ["app-cp-0", "app-w-0", "app-w-1", "app-w-2", "new-cp-0", "new-w-0"]
        try await scenario.waitForMachines(named: names)
        for cluster in ["app", "new"] {
            let seen = try await scenario.wait(for: cluster) {
                $0.isObserved && $0.verdict("MachinesCreated") == "True/CreationSucceeded"
                    && $0.verdict("FilesGenerated") != "/"
            }
            let verdict = seen.verdict("FilesGenerated")
            if !fault.leavesRoom { #expect(verdict == "False/GenerationFailed", "\(cluster)") }
        }
        try await mend(fault, disk, path)
        let machines = try await scenario.machines()
        let recovery = try await measured {
            for cluster in ["app", "new"] {
                let own = machines.filter { $0.name.hasPrefix("\(cluster)-") }
                let files = own.map { "\($0.name).yaml" } + [".talos-operator.json"]
                try await eventually { process.files(in: cluster) == files.sorted() }
                try await scenario.complete(cluster)
                try expectManifests(process, in: cluster, equal: own)
            }
        }
        let creations = try await scenario.writes().filter { $0.isCreation && $0.resource == "machines" }
        #expect(creations.map(\.name).sorted() == names)
        #expect(await process.stop() == .exited(0))
        FaultReport.record(
            row: "results-volume", fault: "The volume of the manifests fails while the operator runs",
            promise:
                "Machines are made all the same; when it is back, all manifests are there, without a restart",
            measured: ["volume": .text(fault.rawValue), "manifests complete after": .duration(recovery)],
            test: "volume")
    }

    private func strike(_ fault: Fault, _ disk: SmallDisk, _ path: String) async throws {
        switch fault {
        case .full: try await disk.fill()
        case .readOnly: await disk.setReadOnly(true)
        case .unmounted: await disk.unmount()
        case .emptied: try await remove(path)
        case .replaced: try await putFile(at: path)
        case .unwritable: try await changeMode("a-w", path)
        }
    }

    private func mend(_ fault: Fault, _ disk: SmallDisk, _ path: String) async throws {
        switch fault {
        case .full: try await disk.makeRoom()
        case .readOnly: await disk.setReadOnly(false)
        case .unmounted: await disk.mount()
        case .emptied: break
        case .replaced: try FileSystem.remove(path)
        case .unwritable: try await changeMode("u+w", path)
        }
    }

    /// Puts a file where the directory is, which the operator may make again before the file is there.
    private func putFile(at path: String) async throws {
        while true {
            try await remove(path)
            do throws(FileError) {
                return try FileSystem.replace(path, with: [])
            } catch {
                try Task.checkCancellation()
            }
        }
    }

    private func remove(_ path: String) async throws {
        _ = await (try Subprocess(["/bin/rm", "-rf", path])).ending()
    }

    private func changeMode(_ mode: String, _ path: String) async throws {
        _ = await (try Subprocess(["/bin/chmod", "-R", mode, path])).ending()
    }

    /// Root may write where nobody may; as the operator in its container, this one may not.
    private static let withoutOverride = [
        "/usr/bin/setpriv", "--inh-caps=-dac_override,-dac_read_search",
        "--bounding-set=-dac_override,-dac_read_search",
    ]
}
