// SPDX-License-Identifier: Apache-2.0
import Talos
import Testing

@testable import ClusterController

@Suite("What nodes say about configurations, without secrets")
struct ConfigScrubberTests {
    private static func scrub(_ text: String) throws -> String {
        ConfigScrubber(try EngineFixture.configuration("demo-cp-0")).scrub(text)
    }

    private static func secret(_ path: String...) throws -> String {
        let configuration = try EngineFixture.configuration("demo-cp-0")
        let node = path.dropFirst().reduce(configuration[path[0]]) { $0?[$1] }
        return try #require(node?.string)
    }

    @Test("A secret goes wherever it stands, whole or in part between quotation marks")
    func secrets() throws {
        let key = try Self.secret("machine", "ca", "key")
        let token = try Self.secret("machine", "token")
        #expect(try Self.scrub("token \(token) is bad") == "token ****** is bad")
        #expect(try Self.scrub("key: \(key)") == "key: ******")
        #expect(
            try Self.scrub("cannot read `\(key.prefix(7))...` into int") == "cannot read `******` into int")
        #expect(try Self.scrub("bad \"\(token.dropFirst(3))\"") == "bad \"******\"")
        #expect(try Self.scrub("bad '\(token.prefix(6))") == "bad '******")
    }

    @Test(
        "What is no secret stays",
        arguments: [
            "disk \"/dev/sdx\" not found", "field `machin` is unknown", "\"\" is empty", "it's a node's word",
        ])
    func harmless(_ text: String) throws {
        #expect(try Self.scrub(text) == text)
    }

    @Test("The password in a URL goes, although nothing says that the field has one")
    func url() throws {
        #expect(try Self.scrub("endpoint https://u:c4n4ry@h is bad") == "endpoint https://******@h is bad")
    }

    @Test("Long quotations go, and the whole is one line of a bearable length")
    func length() throws {
        #expect(
            try Self.scrub("file \"\(String(repeating: "a b ", count: 30))\" is bad")
                == "file \"******\" is bad")
        let text = try Self.scrub(String(repeating: "line\n", count: 200))
        #expect(text.count == 300 && !text.contains("\n"))
    }
}
