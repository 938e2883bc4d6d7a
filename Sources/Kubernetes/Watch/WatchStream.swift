// SPDX-License-Identifier: Apache-2.0
import HTTP
import StructuredData

/// The events of one watch in the server's order; one task reads it.
///
/// It ends when the server ends the response; an event that has not arrived whole by then is dropped, since the
/// server sends it again to whoever resumes at the last version seen. Letting go of it ends the watch.
package struct WatchStream<R: Resource>: Sendable {
    private let body: any HTTPBody
    private var framer: WatchFramer
    /// Kept for the life of the stream, so that its objects share the storage of their keys.
    private var parser = JSONParser(dropping: [.managedFields])

    init(_ body: any HTTPBody, eventLimit: Int = WatchFramer.defaultLimit) {
        self.body = body
        framer = WatchFramer(limit: eventLimit)
    }

    /// The next event; nil at the end.
    ///
    /// - Throws: `.transport` if the connection broke, an event is too large (`responseTooLarge`) or the task was
    ///   cancelled; `.undecodable` if what arrives is not a watch at all. The stream is of no use then.
    package mutating func next() async throws(APIError) -> WatchEvent<R>? {
        while true {
            if let event = try nextBuffered() { return event }
            do {
                guard let piece = try await body.next() else { return nil }
                framer.append(piece)
            } catch {
                throw .transport(error)
            }
        }
    }

    /// Tells that the watch has been silent for too long, so that the next one gets a live connection.
    package func distrustConnection() { body.distrustConnection() }

    private mutating func nextBuffered() throws(APIError) -> WatchEvent<R>? {
        do {
            return try framer.next { Self.event($0, &parser) }
        } catch {
            switch error {
            case .tooLarge(let limit): throw .transport(.responseTooLarge(limit: limit))
            case .notAnObject: throw .undecodable("the body of the watch is not a sequence of JSON objects")
            }
        }
    }

    private static func event(
        _ bytes: UnsafeBufferPointer<UInt8>, _ parser: inout JSONParser
    ) -> WatchEvent<R> {
        do {
            return WatchEvent(try parser.parse(bytes))
        } catch {
            return .undecodable(key: nil, resourceVersion: "", problem: "not JSON: \(error)")
        }
    }
}

extension KubernetesClient {
    /// Opens a watch of what happens after `version`; bookmarks are always asked for.
    ///
    /// - `version`: of the list that came before; empty begins with an ADDED for each object, in no order.
    /// - `timeout`: after which the server ends the watch; whole seconds.
    /// - `sendInitialEvents`: a streaming list; servers that do not know it answer Invalid.
    /// - Throws: at once where the server refuses; it is not tried again here.
    package func watch<R: Resource>(
        _ type: R.Type, _ selection: ObjectSelection = ObjectSelection(), from version: ResourceVersion,
        timeout: Duration, sendInitialEvents: Bool = false
    ) async throws(APIError) -> WatchStream<R> {
        WatchStream(
            try await open(
                .watch(
                    R.definition, selection, from: version, timeout: timeout,
                    sendInitialEvents: sendInitialEvents)))
    }
}
