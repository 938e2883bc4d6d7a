// SPDX-License-Identifier: Apache-2.0
import HTTP
import Kubernetes
import Platform
import StructuredData
import TestSupport

/// An API server of widgets with a history, and with faults by the dice.
final class ModelServer: HTTPTransport {
    private struct State {
        var random: SeededGenerator
        var version = 100
        var objects: [String: Widget] = [:]
        /// Objects as they were at each version, for pages and for going back.
        var snapshots: [Int: [String: Widget]] = [100: [:]]
        var history: [(version: Int, type: String, widget: Widget)] = []
        /// Watches and pages below this version have expired.
        var oldest = 100
        var watches: [ScriptedBody] = []
        var hasFaults = true
        var nextUID = 0

        mutating func chance(_ percent: Int) -> Bool {
            hasFaults && Int.random(in: 0..<100, using: &random) < percent
        }
    }

    private let state: Locked<State>

    init(seed: UInt64) {
        state = Locked(State(random: SeededGenerator(seed: seed)))
    }

    var objects: [String: Widget] { state.withLock { $0.objects } }

    func stopFaults() { state.withLock { $0.hasFaults = false } }

    /// Creates, changes or deletes an object by the dice and tells the watches, well or badly.
    func write() {
        state.withLock { state in
            state.version += Int.random(in: 1...3, using: &state.random)
            let name = "w\(Int.random(in: 0..<6, using: &state.random))"
            let type: String
            var widget = state.objects[name] ?? Widget(name)
            if state.objects[name] == nil {
                state.nextUID += 1
                widget = Widget(name, uid: "uid-\(state.nextUID)")
                type = "ADDED"
            } else {
                type = Int.random(in: 0..<3, using: &state.random) == 0 ? "DELETED" : "MODIFIED"
            }
            widget.metadata.resourceVersion = ResourceVersion("\(state.version)")
            widget.size = Int64(state.version)
            state.objects[name] = type == "DELETED" ? nil : widget
            state.snapshots[state.version] = state.objects
            state.history.append((state.version, type, widget))
            for watch in state.watches { Self.tell(watch, type, widget, &state) }
        }
    }

    /// Does something to the open watches, or forgets old versions.
    func disturb() {
        state.withLock { state in
            switch Int.random(in: 0..<6, using: &state.random) {
            case 0: Self.closeAll(&state) { $0.finish() }
            case 1: Self.closeAll(&state) { $0.fail(.interrupted("reset")) }
            case 2:
                Self.closeAll(&state) { body in
                    body.yield(Array("{\"type\":\"MODIFIED\",\"obj".utf8))
                    body.finish()
                }
            case 3: state.oldest = state.version
            case 4:
                for watch in state.watches {
                    watch.yield(
                        event: "BOOKMARK",
                        ["metadata": ["resourceVersion": .string("\(state.version)")]])
                }
            default:
                for watch in state.watches {
                    watch.yield(event: "ERROR", Self.status(Bool.random(using: &state.random) ? 410 : 500))
                }
                state.watches = []
            }
        }
    }

    /// Goes back to an older state, as a restored backup does; every connection breaks.
    func restoreBackup() {
        state.withLock { state in
            let versions = state.snapshots.keys.filter { $0 < state.version }.sorted().suffix(5)
            guard let version = versions.randomElement(using: &state.random),
                let objects = state.snapshots[version]
            else { return }
            state.version = version
            state.objects = objects
            state.history.removeAll { $0.version > version }
            state.snapshots = state.snapshots.filter { $0.key <= version }
            state.oldest = min(state.oldest, version)
            Self.closeAll(&state) { $0.fail(.interrupted("restart")) }
        }
    }

    func send(_ request: HTTPRequest) async throws(TransportError) -> HTTPResponse {
        let answer = state.withLock { Self.list(request, &$0) }
        switch answer {
        case .response(let response): return response
        case .failure(let error): throw error
        case .stream, .silence: throw .invalidConfiguration("a list is no stream")
        }
    }

    func open(_ request: HTTPRequest) async throws(TransportError) -> (HTTPResponseHead, any HTTPBody) {
        let answer = state.withLock { Self.watch(request, &$0) }
        switch answer {
        case .response(let response): return (response.head, ScriptedBody([response.body]))
        case .stream(let head, let body): return (head, body)
        case .failure(let error): throw error
        case .silence: throw .timedOut
        }
    }

    private static func list(_ request: HTTPRequest, _ state: inout State) -> ScriptedTransport.Answer {
        if state.chance(15) { return fault(&state) }
        var (version, offset) = (state.version, 0)
        if let token = request.query("continue"), !token.isEmpty {
            let parts = token.split(separator: "-").compactMap { Int($0) }
            guard parts.count == 2, parts[0] >= state.oldest, state.snapshots[parts[0]] != nil else {
                return .failure(410, reason: "Expired")
            }
            (version, offset) = (parts[0], parts[1])
        }
        let name = request.query("fieldSelector").map { $0.dropFirst("metadata.name%3D".count) }
        let all = (state.snapshots[version] ?? [:]).values.sorted { $0.metadata.name < $1.metadata.name }
            .filter { name == nil || Substring($0.metadata.name) == name }
        let limit = request.query("limit") == nil ? all.count : 2
        let page = Array(all.dropFirst(offset).prefix(limit))
        let isLast = offset + page.count >= all.count
        return listAnswer(
            page, version: version, continueToken: isLast ? "" : "\(version)-\(offset + page.count)",
            remaining: name == nil ? all.count - offset - page.count : nil)
    }

    private static func watch(_ request: HTTPRequest, _ state: inout State) -> ScriptedTransport.Answer {
        if state.chance(20) { return fault(&state) }
        let from = request.query("resourceVersion").flatMap { Int($0) } ?? 0
        let body = ScriptedBody()
        guard from >= state.oldest else {
            if Bool.random(using: &state.random) { return .failure(410, reason: "Expired") }
            body.yield(event: "ERROR", status(410))
            body.finish()
            return .watch(body)
        }
        for event in state.history where event.version > from { tell(body, event.type, event.widget, &state) }
        state.watches.append(body)
        return .watch(body)
    }

    /// Sends an event whole, in pieces or twice.
    private static func tell(_ body: ScriptedBody, _ type: String, _ widget: Widget, _ state: inout State) {
        let event: JSONValue = ["type": .string(type), "object": widget.json]
        let bytes = event.encoded() + [UInt8(ascii: "\n")]
        for _ in 0..<(state.chance(10) ? 2 : 1) {
            let cut = Int.random(in: 0...bytes.count, using: &state.random)
            body.yield(Array(bytes[..<cut]))
            body.yield(Array(bytes[cut...]))
        }
    }

    private static func fault(_ state: inout State) -> ScriptedTransport.Answer {
        switch Int.random(in: 0..<5, using: &state.random) {
        case 0: .failure(.connectFailed("refused"))
        case 1: .failure(.interrupted("reset"))
        case 2: .failure(429, reason: "TooManyRequests")
        case 3: .failure(500, reason: "InternalError")
        default: .text(502, "<html>bad gateway</html>", type: "text/html")
        }
    }

    private static func status(_ code: Int64) -> JSONValue {
        [
            "kind": "Status", "status": "Failure", "code": .integer(code),
            "reason": code == 410 ? "Expired" : "InternalError", "message": "scripted",
        ]
    }

    private static func closeAll(_ state: inout State, _ close: (ScriptedBody) -> Void) {
        for watch in state.watches { close(watch) }
        state.watches = []
    }
}
