// SPDX-License-Identifier: Apache-2.0
import HTTP
import Platform

@testable import TalosAPI

extension FuzzTarget {
    static let talosAPI = [
        FuzzTarget("protobuf", protobuf),
        FuzzTarget("grpc-frames", frames),
        FuzzTarget("grpc-message", words: ["%", "%25", "%C3%AF", "%zz"]) { bytes in
            let decoded = GRPCStatus.decoded(bytes.text)
            try require(decoded.utf8.count <= 3 * bytes.text.utf8.count, "decoding makes no more of it")
        },
        FuzzTarget(
            "node-endpoint", words: ["https://", "[fd00::1]", ":50000", "65536", "10.0.0.1", "/"],
            nodeEndpoint),
        FuzzTarget(
            waiting: "talos-replies",
            words: ["stage: running\n", "\u{12}\u{4}", "\u{A}\u{2}", "running", "machine"], replies),
    ]

    /// A message with itself after it is that message, merged with itself.
    private static func protobuf(_ bytes: [UInt8]) throws {
        guard case .success(let message) = Result(catching: { try ProtobufMessage(bytes) }) else { return }
        let twice = try ProtobufMessage(bytes + bytes)
        for field in 1...16 {
            try require(message.unsigned(field) == twice.unsigned(field), "the last number of \(field)")
            try require(message.string(field) == twice.string(field), "the last text of \(field)")
            let (once, doubled) = (message.strings(field), twice.strings(field))
            try require(once + once == doubled, "all texts of \(field)")
            _ = Result { try message.message(field)?.messages(1) }
        }
    }

    /// Messages do not depend on where a body is cut.
    private static func frames(_ bytes: [UInt8]) throws {
        let (whole, cut) = (messages([bytes]), messages(bytes.pieces))
        try require(whole == cut, "as cut: \(cut), whole: \(whole)")
    }

    private static func messages(_ pieces: [[UInt8]]) -> [[UInt8]?] {
        var frames = GRPCFrames()
        var messages: [[UInt8]?] = []
        for piece in pieces {
            frames.add(piece)
            while true {
                let next = Result { () throws(TalosError) in try frames.next() }
                guard case .success(let message) = next else { return messages + [nil] }
                guard let message else { break }
                messages.append(Array(message))
            }
        }
        return messages
    }

    private static func nodeEndpoint(_ bytes: [UInt8]) throws {
        guard let endpoint = NodeEndpoint(bytes.text) else { return }
        try require(NodeEndpoint(endpoint.description) == endpoint, "\(endpoint) reads as itself")
    }

    /// Every call reads the same reply, whatever that is.
    private static func replies(_ bytes: [UInt8]) async throws {
        let node = TalosNodeClient(EchoingTransport(message: bytes))
        let second = Duration.seconds(1)
        await attempt { () async throws(TalosError) in _ = try await node.version(within: second) }
        await attempt { () async throws(TalosError) in _ = try await node.services(within: second) }
        await attempt { () async throws(TalosError) in _ = try await node.disks(within: second) }
        await attempt { () async throws(TalosError) in _ = try await node.time(within: second) }
        await attempt { () async throws(TalosError) in _ = try await node.etcdStatus(within: second) }
        await attempt { () async throws(TalosError) in
            _ = try await node.etcdMembers(local: false, within: second)
        }
        await attempt { () async throws(TalosError) in
            _ = try await node.lifecycleUpgrade(image: "a", within: second)
        }
        await attempt { () async throws(TalosError) in _ = try await node.machineConfiguration() }
        await attempt { () async throws(TalosError) in _ = try await node.resources(.service) }
        await attempt { () async throws(TalosError) in
            let watch = try await node.watch(.service, id: nil, within: second)
            while try await watch.next() != nil {}
        }
        await attempt { () async throws(TalosError) in
            let events = try await node.events(EventsRequest(start: .now), within: second)
            while try await events.next() != nil {}
        }
    }

    private static func attempt(_ call: () async throws(TalosError) -> Void) async {
        do throws(TalosError) { try await call() } catch {}
    }
}

/// A node that gives the same message to every question.
private struct EchoingTransport: HTTPTransport {
    let message: [UInt8]
    private let head = HTTPResponseHead(status: 200, headers: ["content-type": "application/grpc"])

    init(message: [UInt8]) {
        self.message = message
    }

    func send(_ request: HTTPRequest) async throws(TransportError) -> HTTPResponse {
        HTTPResponse(head: head, body: GRPCFrames.frame(message), trailers: ["grpc-status": "0"])
    }

    func open(_ request: HTTPRequest) async throws(TransportError) -> (HTTPResponseHead, any HTTPBody) {
        (head, EchoingBody(GRPCFrames.frame(message)))
    }
}

private final class EchoingBody: HTTPBody {
    private let state: Locked<[UInt8]?>
    let trailers: HTTPHeaders = ["grpc-status": "0"]

    init(_ bytes: [UInt8]) {
        state = Locked(bytes)
    }

    func next() async throws(TransportError) -> [UInt8]? {
        state.withLock { bytes in
            defer { bytes = nil }
            return bytes
        }
    }
}
