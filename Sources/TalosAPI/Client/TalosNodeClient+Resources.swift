// SPDX-License-Identifier: Apache-2.0
import HTTP
import StructuredData

// Resources.
extension TalosNodeClient {
    private static let state = "/cosi.resource.State/"
    /// The version of the watch that knows `.bootstrapped` and errors.
    private static let watchVersion: UInt64 = 1

    func resource(
        _ kind: ResourceKind, id: String, within limit: Duration
    ) async throws(TalosError) -> TalosResource? {
        try await identifiedResource(kind, id: id, within: limit).resource
    }

    /// The resource, and the key of the server that has answered, where no authority vouches for it.
    ///
    /// The key is missing if the server has no such resource.
    func identifiedResource(
        _ kind: ResourceKind, id: String, within limit: Duration
    ) async throws(TalosError) -> (resource: TalosResource?, serverKey: ServerKeyDigest?) {
        let request = ProtobufWriter.message {
            $0.string(1, kind.namespace)
            $0.string(2, kind.type)
            $0.string(3, id)
        }
        let method = Self.state + "Get"
        let (reply, serverKey): ([UInt8], ServerKeyDigest?)
        do throws(TalosError) {
            (reply, serverKey) = try await channel.identifiedCall(method, [request], within: limit)
        } catch {
            guard error.isNotFound else { throw error }
            return (nil, nil)
        }
        let resource = try TalosReply.decode(method, reply) { reply in
            guard let resource = try reply.message(1) else {
                throw TalosError.decoding("\(method): no resource")
            }
            return try TalosResource(resource)
        }
        return (resource, serverKey)
    }

    func resources(
        _ kind: ResourceKind, matching selector: ResourceSelector, within limit: Duration
    ) async throws(TalosError) -> [TalosResource] {
        let request = ProtobufWriter.message { writer in
            writer.string(1, kind.namespace)
            writer.string(2, kind.type)
            if selector != .all { writer.message(3) { $0.selector(selector) } }
        }
        let stream = try await stream(Self.state + "List", within: limit, request) {
            try $0.message(1).map(TalosResource.init)
        }
        var resources: [TalosResource] = []
        while let resource = try await stream.next() { resources.append(resource) }
        return resources
    }

    func watch(
        _ kind: ResourceKind, id: String?, within limit: Duration
    ) async throws(TalosError) -> TalosStream<ResourceEvent> {
        let request = ProtobufWriter.message { writer in
            writer.string(1, kind.namespace)
            writer.string(2, kind.type)
            if let id {
                writer.element(3, Array(id.utf8))
            } else {
                writer.message(4) { $0.bool(1, true) }
            }
            writer.unsigned(5, Self.watchVersion)
        }
        let batches = try await stream(Self.state + "Watch", within: limit, request) {
            try $0.messages(1).compactMap(ResourceEvent.init)
        }
        let queue = ResourceEventQueue(batches)
        return TalosStream { () async throws(TalosError) in try await queue.next() }
    }
}

extension ProtobufWriter {
    /// `ListOptions`.
    fileprivate mutating func selector(_ selector: ResourceSelector) {
        if !selector.labels.isEmpty {
            message(1) { query in
                for (key, value) in selector.labels.sorted(by: { $0.key < $1.key }) {
                    query.message(1) { term in
                        term.string(1, key)
                        term.unsigned(2, 1)
                        term.element(3, Array(value.utf8))
                    }
                }
            }
        }
        if let pattern = selector.idPattern { message(2) { $0.string(1, pattern) } }
    }
}

extension TalosResource {
    fileprivate init(_ resource: ProtobufMessage) throws {
        guard let metadata = try resource.message(1).map(Metadata.init) else {
            throw TalosError.decoding("a resource without metadata")
        }
        let spec = try resource.message(2)
        self.init(
            metadata: metadata, spec: try Self.value(of: spec?.bytes(2) ?? [], metadata),
            encodedSpec: spec?.bytes(1) ?? [])
    }

    /// The value of YAML text; of several documents a list of them, as a machine configuration may be.
    private static func value(of yaml: [UInt8], _ metadata: Metadata) throws -> JSONValue {
        do {
            let documents = try YAML.nodes(yaml).map { $0?.json ?? .null }
            return documents.count > 1 ? .array(documents) : documents.first ?? .null
        } catch {
            // Its position and kind, and nothing of the text.
            throw TalosError.decoding("\(metadata.kind)/\(metadata.id): its YAML cannot be read")
        }
    }
}

extension TalosResource.Metadata {
    fileprivate init(_ metadata: ProtobufMessage) throws {
        self.init(
            kind: ResourceKind(namespace: metadata.string(1), type: metadata.string(2)),
            id: metadata.string(3),
            version: metadata.string(4), owner: metadata.string(5),
            isTearingDown: metadata.string(6) == "tearingDown", labels: try metadata.stringMap(10),
            annotations: try metadata.stringMap(11), finalizers: metadata.strings(9),
            created: try metadata.timestamp(7), updated: try metadata.timestamp(8))
    }
}

extension ResourceEvent {
    /// Nil for an event that says nothing.
    fileprivate init?(_ event: ProtobufMessage) throws {
        let resource = try event.message(1).map(TalosResource.init)
        switch (event.int32(2), resource) {
        case (0, let resource?): self = .created(resource)
        case (1, let resource?): self = .updated(resource, old: try event.message(3).map(TalosResource.init))
        case (2, let resource?): self = .destroyed(resource)
        case (3, _): self = .bootstrapped
        case (4, _): throw TalosError.status(GRPCStatus(.aborted, "the watch ended: \(event.string(4))"))
        default: return nil
        }
    }
}
