// SPDX-License-Identifier: Apache-2.0

// Events.
extension TalosNodeClient {
    func events(
        _ events: EventsRequest, within limit: Duration
    ) async throws(TalosError) -> TalosStream<NodeEvent> {
        let request = ProtobufWriter.message {
            switch events.start {
            case .now: break
            case .last(let count): $0.signed(1, Int64(count))
            case .after(let id): $0.string(2, id)
            case .seconds(let seconds): $0.signed(3, Int64(seconds))
            }
            $0.string(4, events.actor?.description ?? "")
        }
        return try await machineStream("Events", within: limit, request) { item in
            let data = try item.message(2)
            return NodeEvent(
                id: item.string(3), actor: ActorID(item.string(4)),
                payload: try NodeEvent.Payload(type: data?.string(1) ?? "", data?.bytes(2) ?? []))
        }
    }
}

extension NodeEvent.Payload {
    /// Reads an event by the last part of its type, as in `talos/runtime/machine.PhaseEvent`.
    fileprivate init(type: String, _ bytes: [UInt8]) throws {
        let message = try ProtobufMessage(bytes)
        let name = type.split(separator: ".").last.map(String.init) ?? type
        switch name {
        case "MachineStatusEvent": self = .machineStatus(try MachineStatus(message))
        case "SequenceEvent":
            let error = try message.message(3)?.string(2)
            self = .sequence(
                name: message.string(1), action: NodeEvent.SequenceAction(number: message.int32(2)),
                error: error)
        case "PhaseEvent": self = .phase(name: message.string(1), isEnd: message.int32(2) == 1)
        case "TaskEvent": self = .task(name: message.string(1), isEnd: message.int32(2) == 1)
        case "ServiceStateEvent":
            self = .service(
                id: message.string(1), action: NodeEvent.ServiceAction(number: message.int32(2)),
                message: message.string(3))
        case "AddressEvent": self = .address(hostname: message.string(1), addresses: message.strings(2))
        case "ConfigValidationErrorEvent", "ConfigLoadErrorEvent":
            self = .configurationError(message.string(1))
        case "RestartEvent": self = .restart(command: String(message.signed(1)))
        default: self = .other(type: type)
        }
    }
}

extension MachineStatus {
    /// Reads a `machine.MachineStatusEvent`.
    fileprivate init(_ event: ProtobufMessage) throws {
        let status = try event.message(2)
        self.init(
            stage: MachineStage(number: event.int32(1)), isReady: status?.bool(1) ?? false,
            unmetConditions: try (status?.messages(2) ?? []).map {
                UnmetCondition(name: $0.string(1), reason: $0.string(2))
            })
    }
}

extension NodeEvent.SequenceAction {
    fileprivate init(number: Int32) {
        self =
            switch number {
            case 0: .none
            case 1: .start
            case 2: .stop
            default: .other(number)
            }
    }
}

extension NodeEvent.ServiceAction {
    private static let known: [NodeEvent.ServiceAction] = [
        .initialized, .preparing, .waiting, .running, .stopping, .finished, .failed, .skipped, .starting,
    ]

    fileprivate init(number: Int32) {
        let index = Int(number)
        self = Self.known.indices.contains(index) ? Self.known[index] : .other(number)
    }
}
