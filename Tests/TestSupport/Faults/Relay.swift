// SPDX-License-Identifier: Apache-2.0
import Glibc

/// A TCP relay between a client and API servers of which it uses one at a time: `hack/control-plane/relay.py`.
///
/// It knows nothing of TLS or HTTP, so a client sees what it would see of a network: connections that end.
package final class Relay: Sendable {
    private let process: Subprocess
    /// The port of 127.0.0.1 that it listens on.
    package let port: UInt16

    /// Starts one that relays to the first of `ports`; `end` it.
    package init(to ports: [UInt16]) async throws {
        process = try Subprocess(
            ["\(Repository.root)/hack/control-plane/relay.py"] + ports.map { "\($0)" },
            environment: Repository.environment)
        guard let line = await process.line(where: { $0.hasPrefix("LISTENING ") }),
            let port = UInt16(line.dropFirst("LISTENING ".count))
        else {
            throw ControlPlane.ScriptError(description: "no relay: \(process.lines)")
        }
        self.port = port
    }

    /// Cuts every connection and goes on with the next server.
    package func switchOver() async { await change(SIGUSR1) }

    /// Cuts every connection and refuses new ones; or accepts them again.
    package func toggle() async { await change(SIGUSR2) }

    /// Ends it and every connection.
    package func end() async {
        process.signal(SIGKILL)
        _ = await process.ending()
    }

    private func change(_ signal: Int32) async {
        let start = process.lines.count
        process.signal(signal)
        _ = await process.index(from: start) { _ in true }
    }
}
