// SPDX-License-Identifier: Apache-2.0
import HTTP

/// A node over gRPC.
///
/// It is asked directly: without the metadata `node` and `nodes` no other node ever answers in its place.
struct TalosNodeClient: TalosNode {
    private static let machine = "/machine.MachineService/"

    let channel: GRPCChannel

    init(_ transport: any HTTPTransport) {
        channel = GRPCChannel(transport: transport)
    }

    /// Calls a method of MachineService and reads the one item of its reply.
    func machine<Reply>(
        _ method: String, within limit: Duration, _ request: [UInt8] = [],
        _ decode: (ProtobufMessage) throws -> Reply
    ) async throws(TalosError) -> Reply {
        try await call(Self.machine + method, within: limit, request, decode)
    }

    /// Calls a method of MachineService that says nothing but that all is well.
    func command(
        _ method: String, within limit: Duration, _ request: [UInt8] = []
    ) async throws(TalosError) {
        try await machine(method, within: limit, request) { _ in }
    }

    /// Calls a method of any service and reads the one item of its reply.
    func call<Reply>(
        _ method: String, within limit: Duration, _ request: [UInt8] = [],
        _ decode: (ProtobufMessage) throws -> Reply
    ) async throws(TalosError) -> Reply {
        let bytes = try await channel.unary(method, request, within: limit)
        return try TalosReply.decode(method, bytes) { try decode(TalosReply.item($0)) }
    }

    /// Calls a method that answers with a stream, and reads each message of it; what `decode` makes nothing of is
    /// passed over.
    func stream<Element: Sendable>(
        _ method: String, within limit: Duration, _ request: [UInt8] = [], isLong: Bool = false,
        _ decode: @escaping @Sendable (ProtobufMessage) throws -> Element?
    ) async throws(TalosError) -> TalosStream<Element> {
        let messages = try await channel.open(method, request, within: limit, isLong: isLong)
        return TalosStream { () async throws(TalosError) -> Element? in
            while let bytes = try await messages.next() {
                if let element = try TalosReply.decode(method, bytes, decode) { return element }
            }
            return nil
        }
    }

    /// The bytes of a stream of `common.Data`.
    func data(
        _ method: String, within limit: Duration, _ request: [UInt8] = [], isLong: Bool = false
    ) async throws(TalosError) -> TalosStream<[UInt8]> {
        try await stream(Self.machine + method, within: limit, request, isLong: isLong) { item in
            try TalosReply.check(item)
            let bytes = item.bytes(2)
            return bytes.isEmpty ? nil : bytes
        }
    }

    /// A stream of MachineService.
    func machineStream<Element: Sendable>(
        _ method: String, within limit: Duration, _ request: [UInt8] = [],
        _ decode: @escaping @Sendable (ProtobufMessage) throws -> Element?
    ) async throws(TalosError) -> TalosStream<Element> {
        try await stream(Self.machine + method, within: limit, request) { item in
            try TalosReply.check(item)
            return try decode(item)
        }
    }
}
