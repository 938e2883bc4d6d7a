// SPDX-License-Identifier: Apache-2.0
import Glibc
import Platform
import StructuredData
import TestSupport
import Testing

@testable import TalosOperator

@Suite(
    "Image", .serialized, .enabled(if: Image.canRun, "needs root"), .timeLimit(.minutes(15)))
struct ImageTests {
    @Test("The operator works in it as the Deployment says, without rights, and ends well")
    func works() async throws {
        try await ImagePods.withOperator { process, scenario in
            let document = ClusterDocument("app", controlPlane: 1, workers: [("w", 1)])
            try await scenario.create(document)
            try await scenario.complete("app")
            #expect(try await scenario.machines().map(\.name) == document.machineNames)
            let files = try FileSystem.list(process.path("\(ImagePods.results)/app")).sorted()
            #expect(files.filter { $0.hasSuffix(".yaml") } == document.machineNames.map { "\($0).yaml" })

            #expect(try process.status("Uid") == "65532 65532 65532 65532")
            #expect(try process.status("Gid") == "65532 65532 65532 65532")
            #expect(try process.status("Groups") == "65532")
            for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
                #expect(try process.status(set) == "0000000000000000", "\(set)")
            }
            #expect(try process.status("NoNewPrivs") == "1")
            #expect(try process.status("Seccomp") == "2")
            #expect(try process.status("NSpid").split(separator: " ").last == "1")
            #expect(try await process.probe("/readyz").status == 200)
            #expect(try await process.metrics().contains("talos_operator_clusters_total"))

            #expect(await process.stop() == .exited(0))
            #expect(process.process.lines.last?.contains("\"message\":\"Stopped\"") == true)
        }
    }

    @Test("A process of it can write to its volume and nowhere else")
    func readOnly() async throws {
        let places = ["", "/etc", "/home", "/root", "/run", "/tmp", "/usr/local/bin", "/var/lib", "/var/tmp"]
        let line = """
            for place in \(places.map { "'\($0)'" }.joined(separator: " ")) \(ImagePods.results); do
                touch "$place/file" 2>/dev/null && echo "$place"
            done
            """
        let result = try await ImagePods.run(try ImagePods.shell(line))
        #expect(result.lines == [ImagePods.results])
    }

    @Test("It says what it was built from")
    func version() async throws {
        let result = try await ImagePods.run(try ImagePods.pod(container: ["args": ["version"]]))
        #expect(result.ending == .exited(0))
        #expect(result.lines.count == 1)
        #expect(result.lines.first?.hasPrefix("talos-operator \(Version.current)") == true)
    }

    @Test("It has every library that the program and the backtracer want, and the authorities for TLS")
    func libraries() async throws {
        let line = "ldd /usr/local/bin/*; wc -l </etc/ssl/certs/ca-certificates.crt"
        let result = try await ImagePods.run(try ImagePods.shell(line))
        #expect(result.lines.contains { $0.contains("libcurl.so.4 => /") })
        #expect(!result.lines.contains { $0.contains("not found") }, "\(result.lines)")
        #expect(result.lines.last.flatMap { Int($0) }.map { $0 > 1000 } == true)
    }

    @Test("A crash, though it is process 1 that crashes, prints a backtrace with functions and lines")
    func crash() async throws {
        try await ImagePods.withOperator { process, _ in
            let function = "HealthChecks.report(path:query:)"
            try await Sabotage.breakFunction(
                mangled: "$s13Observability12HealthChecksC6report4path5query", of: process)
            // The server is gone before it answers.
            await #expect(throws: (any Error).self) { try await process.probe("/healthz") }
            #expect(await process.process.ending() == .exited(128 + SIGILL))
            let lines = process.process.lines
            #expect(lines.contains { $0.contains("*** Program crashed: Illegal instruction") })
            let frame = try #require(lines.first { $0.contains(function) })
            #expect(frame.contains(" at Sources/Observability/HealthChecks.swift:"), "\(frame)")
            #expect(lines.contains { $0.contains("ServerLoop.run()") })
            #expect(!lines.contains { $0.contains("failed to suspend") })
            // Registers point at memory, and that may be anything.
            #expect(!lines.contains { $0.hasPrefix("rsp") || $0.hasPrefix("Registers") })
        }
    }

    @Test("It runs within the memory limit of the Deployment")
    func memory() async throws {
        try await ImagePods.withOperator { process, scenario in
            // Where no control group can be made, nothing would be shown.
            guard !process.notEnforced.contains("resources.limits.memory") else { return }
            for number in 0..<20 {
                try await scenario.create(ClusterDocument("c\(number)", controlPlane: 3, workers: [("w", 3)]))
            }
            for number in 0..<20 { try await scenario.complete("c\(number)") }
            let peak = try #require(Int(process.status("VmHWM").split(separator: " ").first ?? ""))
            print("peak resident memory in the image: \(peak) KiB")
            #expect(peak < 128 << 10)
            #expect(process.process.currentEnding == nil)
        }
    }
}
