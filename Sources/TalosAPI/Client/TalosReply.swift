// SPDX-License-Identifier: Apache-2.0

/// Reads what all of Talos' replies have in common.
enum TalosReply {
    /// A message of `bytes`, read by `decode`.
    ///
    /// - Throws: `TalosError.decoding`, which names the call and none of the bytes.
    static func decode<Reply>(
        _ method: String, _ bytes: [UInt8],
        _ decode: (ProtobufMessage) throws -> Reply
    ) throws(TalosError) -> Reply {
        do {
            return try decode(ProtobufMessage(bytes))
        } catch let error as TalosError {
            throw error
        } catch {
            throw .decoding("\(method): \(error)")
        }
    }

    /// The item of a reply, of which there is one for each node that has answered, and here one node.
    static func item(_ reply: ProtobufMessage) throws -> ProtobufMessage {
        let items = try reply.messages(1)
        for item in items { try check(item) }
        guard let first = items.first else { throw TalosError.decoding("a reply without a message") }
        return first
    }

    /// Refuses a message in which a node says that it failed: the call itself ends as if nothing had happened.
    static func check(_ item: ProtobufMessage) throws {
        guard let metadata = try item.message(1) else { return }
        let error = metadata.string(2)
        let status = try metadata.message(3)
        guard !error.isEmpty || status != nil else { return }
        let code = GRPCStatus.Code(rawValue: Int(status?.int32(1) ?? 2)) ?? .unknown
        guard !error.isEmpty || code != .ok else { return }
        let text = error.isEmpty ? status?.string(2) ?? "" : error
        throw TalosError.node(
            hostname: metadata.string(1), GRPCStatus(code == .ok ? .unknown : code, text))
    }
}
