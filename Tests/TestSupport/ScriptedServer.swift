// SPDX-License-Identifier: Apache-2.0
import Glibc
import Platform

/// A TCP server on 127.0.0.1 that does to each connection, on a thread of its own, what the test's script says.
package final class ScriptedServer: Sendable {
    package typealias Script = @Sendable (ScriptedConnection) -> Void

    private struct State {
        /// Those to break in the end; the server and they refer to each other until then.
        var connections: [ScriptedConnection] = []
        var connectionCount = 0
        var requests: [ScriptedRequest] = []
        var isStopped = false
    }

    package let port: UInt16
    /// Opens once nothing listens any more.
    package let stopped = Latch()
    private let listener: Int32
    private let script: Script
    private let state = Locked(State())

    /// Listens on a free port; the script's connection closes when the script returns.
    package init(_ script: @escaping Script) throws {
        let (listener, port) = try Self.listen()
        self.listener = listener
        self.port = port
        self.script = script
        startThread { [self] in acceptConnections() }
    }

    /// The requests read so far, over all connections.
    package var requests: [ScriptedRequest] { state.withLock { $0.requests } }
    /// How many connections came in so far.
    package var connectionCount: Int { state.withLock { $0.connectionCount } }

    /// Takes no more connections and breaks those there are; a second call does nothing.
    package func stop() {
        let connections: [ScriptedConnection] = state.withLock { state in
            guard !state.isStopped else { return [] }
            state.isStopped = true
            // Under the lock and once only: later the descriptor may be another socket's.
            shutdown(listener, Int32(SHUT_RDWR))
            defer { state.connections = [] }
            return state.connections
        }
        for connection in connections { connection.shutDown() }
    }

    func record(_ request: ScriptedRequest) {
        state.withLock { $0.requests.append(request) }
    }

    private func acceptConnections() {
        while true {
            let socket = accept(listener, nil, nil)
            guard socket >= 0 else { break }
            let connection: ScriptedConnection? = state.withLock { state in
                guard !state.isStopped else { return nil }
                let connection = ScriptedConnection(self, socket, index: state.connectionCount)
                state.connectionCount += 1
                state.connections.append(connection)
                return connection
            }
            guard let connection else {
                close(socket)
                continue
            }
            startThread { [script] in
                script(connection)
                connection.close()
            }
        }
        close(listener)
        stopped.open()
    }

    private static func listen() throws -> (Int32, UInt16) {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        let status = withLoopbackAddress(0) { pointer, size in
            guard bind(listener, pointer, size) == 0, Glibc.listen(listener, 1024) == 0 else {
                return Int32(-1)
            }
            return 0
        }
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        withUnsafeMutableBytes(of: &address) { bytes in
            _ = getsockname(listener, bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self), &size)
        }
        guard status == 0 else { throw ScriptedServerError(code: errno) }
        return (listener, UInt16(bigEndian: address.sin_port))
    }
}

/// Why a scripted server could not listen.
package struct ScriptedServerError: Error {
    package let code: Int32
}

/// A request as it came over the wire.
package struct ScriptedRequest: Sendable {
    package var method = ""
    package var target = ""
    /// Names in lower case.
    package var headers: [String: String] = [:]
    package var body: [UInt8] = []
}

/// One connection of a scripted server; its calls block the script's thread.
package final class ScriptedConnection: Sendable {
    /// Which connection of the server it is, from 0.
    package let index: Int
    private let server: ScriptedServer
    private let socket: Int32
    private let state = Locked((unread: [UInt8](), isOpen: true))

    fileprivate init(_ server: ScriptedServer, _ socket: Int32, index: Int) {
        self.server = server
        self.socket = socket
        self.index = index
    }

    /// Reads a request with the body its Content-Length announces; nil if the client has closed.
    package func readRequest() -> ScriptedRequest? {
        guard let head = readThrough(Array("\r\n\r\n".utf8)) else { return nil }
        var lines = String(decoding: head, as: UTF8.self).split(separator: "\r\n")
        guard !lines.isEmpty else { return nil }
        let start = lines.removeFirst().split(separator: " ")
        guard start.count == 3 else { return nil }
        var request = ScriptedRequest(method: String(start[0]), target: String(start[1]))
        for line in lines {
            guard let colon = line.firstIndex(of: ":") else { continue }
            let value = line[line.index(after: colon)...].drop { $0 == " " }
            request.headers[line[..<colon].lowercased()] = String(value)
        }
        guard let body = read(count: Int(request.headers["content-length"] ?? "0") ?? 0) else { return nil }
        request.body = body
        server.record(request)
        return request
    }

    package func send(_ text: String) {
        send(Array(text.utf8))
    }

    /// Sends the bytes; does nothing if the client has closed.
    package func send(_ bytes: [UInt8]) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes {
                Glibc.send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }

    /// Sends a response with a Content-Length.
    package func respond(_ status: Int = 200, headers: [String] = [], body: String = "") {
        let lines = ["HTTP/1.1 \(status) Status", "Content-Length: \(body.utf8.count)"] + headers
        send(lines.joined(separator: "\r\n") + "\r\n\r\n" + body)
    }

    /// Sends one piece of a body with `Transfer-Encoding: chunked`; an empty one ends it.
    package func sendChunk(_ text: String) {
        send("\(String(text.utf8.count, radix: 16))\r\n\(text)\r\n")
    }

    /// Passes everything between the client and a port of 127.0.0.1, until either closes.
    package func relay(to port: UInt16) {
        let peer = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { Glibc.close(peer) }
        guard withLoopbackAddress(port, { connect(peer, $0, $1) }) == 0 else { return }
        var sockets = [socket, peer].map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while poll(&sockets, 2, -1) > 0 {
            for (source, target) in [(0, 1), (1, 0)] where sockets[source].revents != 0 {
                let count = recv(sockets[source].fd, &buffer, buffer.count, 0)
                guard count > 0 else { return }
                guard Glibc.send(sockets[target].fd, buffer, count, Int32(MSG_NOSIGNAL)) == count else {
                    return
                }
            }
        }
    }

    /// Returns when the client has closed or reset the connection.
    package func waitForClose() {
        while receive() {}
    }

    /// Closes so that the client sees a reset rather than an end.
    package func reset() {
        var option = linger(l_onoff: 1, l_linger: 0)
        setsockopt(socket, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
        close()
    }

    /// Closes; a second call does nothing.
    package func close() {
        let wasOpen = state.withLock { state in
            defer { state.isOpen = false }
            return state.isOpen
        }
        if wasOpen { Glibc.close(socket) }
    }

    /// Stops the server as `ScriptedServer.stop()` does, and returns when nothing listens any more.
    package func stopServer() {
        server.stop()
        server.stopped.block()
    }

    fileprivate func shutDown() {
        state.withLock { state in
            if state.isOpen { _ = shutdown(socket, Int32(SHUT_RDWR)) }
        }
    }

    private func readThrough(_ end: [UInt8]) -> [UInt8]? {
        while true {
            let found: [UInt8]? = state.withLock { state in
                guard let start = Self.position(of: end, in: state.unread) else { return nil }
                let bytes = Array(state.unread[..<start])
                state.unread.removeFirst(start + end.count)
                return bytes
            }
            if let found { return found }
            guard receive() else { return nil }
        }
    }

    private func read(count: Int) -> [UInt8]? {
        while state.withLock({ $0.unread.count }) < count {
            guard receive() else { return nil }
        }
        return state.withLock { state in
            defer { state.unread.removeFirst(count) }
            return Array(state.unread.prefix(count))
        }
    }

    private func receive() -> Bool {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let count = recv(socket, &buffer, buffer.count, 0)
        guard count > 0 else { return false }
        state.withLock { $0.unread += buffer[..<count] }
        return true
    }

    private static func position(of end: [UInt8], in bytes: [UInt8]) -> Int? {
        guard bytes.count >= end.count else { return nil }
        return (0...(bytes.count - end.count)).first { bytes[$0..<$0 + end.count].elementsEqual(end) }
    }
}

private func withLoopbackAddress<Result>(
    _ port: UInt16, _ body: (UnsafePointer<sockaddr>?, socklen_t) -> Result
) -> Result {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    return withUnsafeBytes(of: &address) { bytes in
        body(bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t(bytes.count))
    }
}

/// A thread that does not start leaves its test waiting until the time limit.
private func startThread(_ body: @escaping @Sendable () -> Void) {
    try? SystemThread.start(body).detach()
}
