// SPDX-License-Identifier: Apache-2.0
import Glibc
import HTTP
import Platform
import StructuredData
import TestSupport
import Testing

@testable import TalosOperator

@Suite("Dockerfile")
struct DockerfileTests {
    /// What the last stage says of the image.
    private static func config() async throws -> JSONValue {
        let process = try Subprocess(
            ["\(Repository.root)/hack/image-root.py", "--config"], environment: Repository.environment)
        try #require(await process.ending() == .exited(0), "\(process.lines)")
        return try JSONValue(json: Array(process.lines.joined(separator: "\n").utf8))
    }

    /// The Pod of the shipped Deployment.
    private static func pod() throws -> JSONValue {
        let path = "\(Repository.root)/config/manager/deployment.yaml"
        let deployment = try YAML.documents(FileSystem.read(path, limit: 1 << 20)).first
        return try #require(deployment?["spec"]?["template"]?["spec"])
    }

    private static func text(_ file: String) throws -> String {
        String(decoding: try FileSystem.read("\(Repository.root)/\(file)", limit: 1 << 20), as: UTF8.self)
    }

    @Test("User, ports, entrypoint and results path are those of the Deployment and of the program")
    func agreement() async throws {
        let (config, pod) = (try await Self.config(), try Self.pod())
        let container = try #require(pod["containers"]?.array?.first)
        let security = try #require(pod["securityContext"])
        let ids = ["runAsUser", "runAsGroup"].compactMap { security[$0]?.integer }
        #expect(config["user"]?.string == ids.map(String.init).joined(separator: ":"))
        let settings = Settings()
        let ports = [settings.metricsBindAddress, settings.healthProbeBindAddress].map { $0?.port }
        #expect(config["ports"]?.array?.map { $0.integer.map { UInt16(clamping: $0) } } == ports)
        #expect(config["entrypoint"] == ["/usr/local/bin/talos-operator"])
        #expect(container["command"] == nil && container["args"]?.array?.first == "run")
        let variables = container["env"]?.array ?? []
        let results = variables.first { $0["name"] == "RESULTS_PATH" }?["value"]
        #expect(results != nil && config["env"]?["RESULTS_PATH"] == results)
    }

    @Test("Its labels tell what the builder has told")
    func labels() async throws {
        let labels = try #require(try await Self.config()["labels"]?.object)
        let prefix = "org.opencontainers.image."
        let keys = ["created", "description", "licenses", "revision", "source", "title", "url", "version"]
        #expect(labels.members.map(\.key).sorted() == keys.map { prefix + $0 })
        let text = try Self.text("Dockerfile")
        for (key, argument) in [("created", "CREATED"), ("revision", "REVISION"), ("version", "VERSION")] {
            #expect(text.contains("\(prefix)\(key)=\"${\(argument)}\""))
            #expect(try Self.text("Makefile").contains("--build-arg \(argument)="))
        }
    }

    @Test("It names no architecture, has no health check and does not become root again")
    func form() async throws {
        let text = try Self.text("Dockerfile")
        for word in ["x86_64", "amd64", "aarch64", "arm64", "HEALTHCHECK", "VOLUME", "USER root"] {
            #expect(!text.contains(word), "\(word)")
        }
        #expect(try await Self.config()["base"]?.string?.hasSuffix("-slim") == true)
    }

    @Test("What is sent to the builder exists, and is not more than it needs")
    func context() throws {
        let lines = try Self.text(".dockerignore").split(separator: "\n").filter { !$0.hasPrefix("#") }
        #expect(lines.first == "*")
        for line in lines.dropFirst() {
            #expect(line.hasPrefix("!"))
            #expect(access("\(Repository.root)/\(line.dropFirst())", R_OK) == 0, "\(line)")
        }
    }
}

@Suite("Packages of the image", .enabled(if: Image.canRun, "needs root"))
struct ImagePackageTests {
    @Test("The Dockerfile installs what the program links with, the authorities, and nothing else")
    func packages() async throws {
        let config = try Image.config()
        let requested = Set(config["requested"]?.array?.compactMap(\.string) ?? [])
        var owners = Set(["ca-certificates"])
        for program in ["talos-operator", "swift-backtrace"] {
            for library in try await libraries(of: "\(Image.root)/usr/local/bin/\(program)") {
                owners.insert(try await owner(of: library))
            }
        }
        // In every Debian system.
        let base: Set = ["libc6", "libgcc-s1", "libstdc++6"]
        #expect(owners.subtracting(base) == requested)
        #expect(requested.isSubset(of: config["packages"]?.object?.members.map(\.key) ?? []))
    }

    private func libraries(of program: String) async throws -> [String] {
        let lines = try await output(["/usr/bin/readelf", "-d", program])
        return lines.filter { $0.contains("(NEEDED)") }
            .compactMap { $0.split(separator: "[").last?.split(separator: "]").first.map(String.init) }
    }

    private func owner(of library: String) async throws -> String {
        let lines = try await output([
            "/usr/bin/dpkg-query", "--admindir=\(Image.root)/var/lib/dpkg", "-S", "*/\(library)",
        ])
        return try #require(lines.first?.split(separator: ":").first.map(String.init), "\(library)")
    }

    private func output(_ command: [String]) async throws -> [String] {
        let process = try Subprocess(command, environment: ["LC_ALL": "C"])
        try #require(await process.ending() == .exited(0), "\(command): \(process.lines)")
        return process.lines
    }
}
