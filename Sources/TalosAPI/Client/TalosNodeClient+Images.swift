// SPDX-License-Identifier: Apache-2.0

// Images and the installer.
extension TalosNodeClient {
    /// How many of an installer's lines are kept.
    private static let messageLimit = 20

    func lifecycleUpgrade(image: String, within limit: Duration) async throws(TalosError) -> InstallResult {
        let request = ProtobufWriter.message { writer in
            writer.containerd(1, .system)
            writer.message(2) { $0.string(1, image) }
        }
        let progress = try await stream(
            "/machine.LifecycleService/Upgrade", within: limit, request
        ) { try $0.message(1).map(InstallProgress.init) }
        var result: InstallResult?
        var messages: [String] = []
        while let step = try await progress.next() {
            switch step {
            case .message(let text):
                messages.append(text)
                if messages.count > Self.messageLimit { messages.removeFirst() }
            case .exitCode(let code): result = InstallResult(exitCode: code)
            }
        }
        guard var result else { throw .decoding("LifecycleService/Upgrade: ended without an exit code") }
        result.messages = messages
        return result
    }

    func pullImage(
        _ reference: String, namespace: ImageNamespace, within limit: Duration
    ) async throws(TalosError) -> String {
        let request = ProtobufWriter.message {
            $0.containerd(1, namespace)
            $0.string(3, reference)
        }
        let names = try await stream("/machine.ImageService/Pull", within: limit, request) {
            $0.optionalString(1)
        }
        var name: String?
        while let next = try await names.next() { name = next }
        guard let name, !name.isEmpty else { throw .decoding("ImageService/Pull: ended without a name") }
        return name
    }

    func legacyPullImage(
        _ reference: String, namespace: ImageNamespace, within limit: Duration
    ) async throws(TalosError) {
        let request = ProtobufWriter.message {
            $0.unsigned(1, namespace.number)
            $0.string(2, reference)
        }
        try await command("ImagePull", within: limit, request)
    }
}

/// What an installer says, line by line, and then how it ended.
private enum InstallProgress: Sendable {
    case message(String)
    case exitCode(Int32)

    init(_ message: ProtobufMessage) {
        // Success is a zero that is there.
        self = message.optionalInt32(2).map { .exitCode($0) } ?? .message(message.string(1))
    }
}

extension ProtobufWriter {
    /// A `common.ContainerdInstance`: the containerd that runs the kubelet and pods too has both namespaces.
    fileprivate mutating func containerd(_ field: Int, _ namespace: ImageNamespace) {
        message(field) {
            $0.unsigned(1, 1)
            $0.unsigned(2, namespace.number)
        }
    }
}

extension ImageNamespace {
    fileprivate var number: UInt64 {
        switch self {
        case .system: 1
        case .cri: 2
        }
    }
}
