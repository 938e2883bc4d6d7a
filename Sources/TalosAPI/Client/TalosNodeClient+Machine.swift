// SPDX-License-Identifier: Apache-2.0

// The machine.
extension TalosNodeClient {
    func version(within limit: Duration) async throws(TalosError) -> VersionInfo {
        try await machine("Version", within: limit) { item in
            let version = try item.message(2)
            let platform = try item.message(3)
            return VersionInfo(
                tag: version?.string(1) ?? "", sha: version?.string(2) ?? "",
                operatingSystem: version?.string(5) ?? "", architecture: version?.string(6) ?? "",
                platform: platform?.string(1) ?? "", mode: platform?.string(2) ?? "",
                hasRBAC: try item.message(4)?.bool(1) ?? false)
        }
    }

    func applyConfiguration(
        _ configuration: [UInt8], mode: ApplyMode, dryRun: Bool, within limit: Duration
    ) async throws(TalosError) -> ApplyResult {
        let request = ProtobufWriter.message {
            $0.bytes(1, configuration)
            $0.unsigned(4, mode.number)
            $0.bool(5, dryRun)
            if case .try(let timeout) = mode { $0.duration(6, timeout) }
        }
        return try await machine("ApplyConfiguration", within: limit, request) {
            ApplyResult(
                effect: ApplyResult.Effect(number: $0.int32(3)), warnings: $0.strings(2),
                details: $0.string(4))
        }
    }

    func bootstrap(recovery: EtcdRecovery?, within limit: Duration) async throws(TalosError) {
        let request = ProtobufWriter.message {
            $0.bool(1, recovery != nil)
            $0.bool(2, recovery?.skipsHashCheck ?? false)
        }
        try await command("Bootstrap", within: limit, request)
    }

    func upgrade(_ upgrade: LegacyUpgradeRequest, within limit: Duration) async throws(TalosError) -> ActorID
    {
        let request = ProtobufWriter.message {
            $0.string(1, upgrade.image)
            $0.bool(2, upgrade.preserve)
            $0.bool(3, upgrade.stage)
            $0.bool(4, upgrade.force)
            $0.bool(5, upgrade.rebootsByPowerCycle)
        }
        return try await machine("Upgrade", within: limit, request) { ActorID($0.string(3)) }
    }

    func reset(_ reset: ResetRequest, within limit: Duration) async throws(TalosError) -> ActorID {
        let request = ProtobufWriter.message { writer in
            writer.bool(1, reset.graceful)
            writer.bool(2, reset.reboot)
            for label in reset.wipe.partitions {
                writer.message(3) {
                    $0.string(1, label)
                    $0.bool(2, true)
                }
            }
            for disk in reset.wipe.disks { writer.element(4, Array(disk.utf8)) }
            writer.unsigned(5, reset.wipe.mode)
        }
        return try await machine("Reset", within: limit, request) { ActorID($0.string(2)) }
    }

    func reboot(mode: RebootMode, within limit: Duration) async throws(TalosError) -> ActorID {
        let number: UInt64 =
            switch mode {
            case .normal: 0
            case .powerCycle: 1
            case .force: 2
            }
        let request = ProtobufWriter.message { $0.unsigned(1, number) }
        return try await machine("Reboot", within: limit, request) { ActorID($0.string(2)) }
    }

    func shutdown(force: Bool, within limit: Duration) async throws(TalosError) -> ActorID {
        let request = ProtobufWriter.message { $0.bool(1, force) }
        return try await machine("Shutdown", within: limit, request) { ActorID($0.string(2)) }
    }

    func rollback(within limit: Duration) async throws(TalosError) {
        try await command("Rollback", within: limit)
    }

    func hostname(within limit: Duration) async throws(TalosError) -> String {
        try await machine("Hostname", within: limit) { $0.string(2) }
    }

    func read(path: String, within limit: Duration) async throws(TalosError) -> [UInt8] {
        let data = try await data("Read", within: limit, ProtobufWriter.message { $0.string(1, path) })
        var bytes: [UInt8] = []
        while let piece = try await data.next() {
            guard bytes.count + piece.count <= GRPCFrames.messageLimit else {
                throw .decoding("\(path) is longer than \(GRPCFrames.messageLimit) bytes")
            }
            bytes += piece
        }
        return bytes
    }

    func disks(within limit: Duration) async throws(TalosError) -> [NodeDisk] {
        try await call("/storage.StorageService/Disks", within: limit) {
            try $0.messages(2).map(NodeDisk.init)
        }
    }

    func time(within limit: Duration) async throws(TalosError) -> NodeTime {
        try await call("/time.TimeService/Time", within: limit) {
            NodeTime(server: $0.string(2), local: try $0.timestamp(3), remote: try $0.timestamp(4))
        }
    }

    func memory(within limit: Duration) async throws(TalosError) -> NodeMemory {
        try await machine("Memory", within: limit) {
            let memory = try $0.message(2)
            return NodeMemory(total: memory?.unsigned(1) ?? 0, available: memory?.unsigned(3) ?? 0)
        }
    }

    func services(within limit: Duration) async throws(TalosError) -> [ServiceInfo] {
        try await machine("ServiceList", within: limit) { try $0.messages(2).map(ServiceInfo.init) }
    }

    func restartService(id: String, within limit: Duration) async throws(TalosError) {
        try await command("ServiceRestart", within: limit, ProtobufWriter.message { $0.string(1, id) })
    }
}

extension ApplyMode {
    fileprivate var number: UInt64 {
        switch self {
        case .reboot: 0
        case .auto: 1
        case .noReboot: 2
        case .staged: 3
        case .try: 4
        }
    }
}

extension ApplyResult.Effect {
    fileprivate init(number: Int32) {
        self =
            switch number {
            case 0: .reboot
            case 1: .auto
            case 2: .noReboot
            case 3: .staged
            case 4: .try
            default: .other(number)
            }
    }
}

extension ResetRequest.Wipe {
    fileprivate var partitions: [String] {
        if case .system(.partitions(let labels), _) = self { labels.elements } else { [] }
    }

    fileprivate var disks: [String] {
        switch self {
        case .system(_, let disks): disks
        case .userDisks(let disks): disks.elements
        }
    }

    /// ALL where the system and user disks are wiped, else SYSTEM_DISK or USER_DISKS.
    fileprivate var mode: UInt64 {
        switch self {
        case .system(_, let disks): disks.isEmpty ? 1 : 0
        case .userDisks: 2
        }
    }
}

extension NodeDisk {
    fileprivate init(_ disk: ProtobufMessage) {
        self.init(
            deviceName: disk.string(3), size: disk.unsigned(1), model: disk.string(2),
            serial: disk.string(5), wwid: disk.string(8), uuid: disk.string(7),
            kind: Kind(number: disk.int32(9)), busPath: disk.string(10), isSystemDisk: disk.bool(11),
            isReadOnly: disk.bool(13))
    }
}

extension NodeDisk.Kind {
    fileprivate init(number: Int32) {
        self =
            switch number {
            case 0: .unknown
            case 1: .ssd
            case 2: .hdd
            case 3: .nvme
            case 4: .sd
            case 5: .cd
            default: .other(number)
            }
    }
}

extension ServiceInfo {
    fileprivate init(_ service: ProtobufMessage) throws {
        let events = try service.message(3)?.messages(1) ?? []
        self.init(
            id: service.string(1), state: State(word: service.string(2)),
            health: try service.message(4).map(Health.init) ?? .unknown,
            events: try events.map {
                Event(state: State(word: $0.string(2)), message: $0.string(1), time: try $0.timestamp(3))
            })
    }
}

extension ServiceInfo.Health {
    fileprivate init(_ health: ProtobufMessage) {
        if health.bool(1) {
            self = .unknown
        } else {
            self = health.bool(2) ? .healthy : .unhealthy(health.string(3))
        }
    }
}
