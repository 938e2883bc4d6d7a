// SPDX-License-Identifier: Apache-2.0
package import StructuredData

/// Which of the requests that pass a `FaultProxy` suffer what.
///
/// Each rule counts the requests it matches. Whether the nth suffers, and how long a random delay is, follows from the
/// proxy's seed, the number of the rule and n alone. All rules that match a request take effect.
package struct FaultRule: Sendable, Hashable {
    package var match: RequestMatch
    package var action: FaultAction
    /// The share of the matching requests that suffer, chosen by the seed.
    package var probability: Double

    package init(matching match: RequestMatch = .all, action: FaultAction, probability: Double = 1) {
        self.match = match
        self.action = action
        self.probability = probability
    }
}

/// What a request must be for a rule to count it.
package struct RequestMatch: Sendable, Hashable {
    /// Any of these; empty for every method.
    package var methods: [String]
    /// A regular expression that is found in path and query.
    package var path: String
    /// Only watches, or everything but watches.
    package var isWatch: Bool?
    /// Which of those that match are meant, from 1; nil for all.
    package var ordinals: ClosedRange<Int>?
    /// Connections of the relay port instead of requests; nothing else but `ordinals` counts then.
    package var isRelay: Bool

    package init(
        methods: [String] = [], path: String = "", isWatch: Bool? = nil, ordinals: ClosedRange<Int>? = nil,
        isRelay: Bool = false
    ) {
        self.methods = methods
        self.path = path
        self.isWatch = isWatch
        self.ordinals = ordinals
        self.isRelay = isRelay
    }

    /// Every request.
    package static let all = RequestMatch()
    /// Requests that change something.
    package static let writes = RequestMatch(methods: ["POST", "PUT", "PATCH", "DELETE"])
    /// Watches of whatever `path` matches.
    package static func watches(_ path: String = "") -> RequestMatch {
        RequestMatch(methods: ["GET"], path: path, isWatch: true)
    }
    /// Reads of whatever `path` matches that are no watches.
    package static func reads(_ path: String = "") -> RequestMatch {
        RequestMatch(methods: ["GET"], path: path, isWatch: false)
    }
    /// Every connection of the relay port.
    package static let relayed = RequestMatch(isRelay: true)
}

/// When a response, or a relayed connection, is cut.
package enum FaultPoint: Sendable, Hashable {
    /// After so many bytes of the body; relayed: of everything the server sends.
    case bytes(Int)
    /// After so many watch events.
    case events(Int)
}

/// What happens to a request.
package enum FaultAction: Sendable, Hashable {
    /// It waits this long before it is forwarded; relayed: each piece, either way.
    case delay(milliseconds: ClosedRange<Int>)
    /// The connection is closed, nothing forwarded.
    case drop
    /// It is refused as an API server words it (429: text, 502: a page of HTML), nothing forwarded.
    case answer(status: Int, retryAfter: Int? = nil)
    /// It is held until `FaultProxy.release`.
    case hold(HoldPoint)
    /// RST_STREAM, or RST of the connection; of HTTP/1.1 and of what is relayed, always the connection.
    case reset(after: FaultPoint, wholeConnection: Bool = false)
    /// The connection stays open and carries nothing more; nil: before the request is forwarded.
    case blackHole(after: FaultPoint?)
    /// The watch ends with an ERROR event that holds a Status with this code.
    case errorEvent(code: Int, afterEvents: Int)
    /// The server acts, but the client does not hear of it.
    case swallowResponse(then: Silence)
    /// The watch has no bookmarks.
    case swallowBookmarks
    /// The response's body comes this slowly.
    case throttle(bytesPerSecond: Int)
    /// Each byte of the body is a DATA frame, chunk or segment of its own.
    case singleBytes
    /// GOAWAY, or `Connection: close`; refusing: and the request is not served.
    case goAway(refusing: Bool)
    /// None; the request is reported together with its status.
    case observe

    /// Where a request is held.
    package enum HoldPoint: String, Sendable, Hashable, CaseIterable {
        /// The server knows nothing of the request.
        case beforeForwarding = "before"
        /// The server has acted, the client has no answer.
        case afterAnswer = "after"
    }

    /// What a client sees instead of the answer.
    package enum Silence: String, Sendable, Hashable, CaseIterable {
        case reset
        case blackHole = "black-hole"
    }
}

extension FaultRule {
    /// The rule as the proxy reads it.
    package var json: JSONValue {
        ["match": match.json, "action": action.json, "probability": .double(probability)]
    }
}

extension RequestMatch {
    fileprivate var json: JSONValue {
        if isRelay { return JSONValue.object(["relay": true]).mergePatched(with: range) }
        var json: JSONValue = ["methods": .array(methods.map { .string($0) }), "path": .string(path)]
        if let isWatch { json = json.mergePatched(with: ["watch": .bool(isWatch)]) }
        return json.mergePatched(with: range)
    }

    private var range: JSONValue {
        guard let ordinals else { return [:] }
        return ["first": integer(ordinals.lowerBound), "last": integer(ordinals.upperBound)]
    }
}

extension FaultAction {
    fileprivate var json: JSONValue {
        switch self {
        case .delay(let range):
            ["do": "delay", "from_ms": integer(range.lowerBound), "to_ms": integer(range.upperBound)]
        case .drop: ["do": "drop"]
        case .answer(let status, nil): ["do": "answer", "status": integer(status)]
        case .answer(let status, let seconds?):
            ["do": "answer", "status": integer(status), "retry_after": integer(seconds)]
        case .hold(let point): ["do": "hold", "at": .string(point.rawValue)]
        case .reset(let point, let whole): ["do": "reset", "whole": .bool(whole), point.key: point.value]
        case .blackHole(nil): ["do": "black-hole"]
        case .blackHole(let point?): ["do": "black-hole", point.key: point.value]
        case .errorEvent(let code, let events):
            ["do": "error-event", "code": integer(code), "after_events": integer(events)]
        case .swallowResponse(let silence): ["do": "swallow-response", "then": .string(silence.rawValue)]
        case .swallowBookmarks: ["do": "swallow-bookmarks"]
        case .throttle(let rate): ["do": "throttle", "bytes_per_s": integer(rate)]
        case .singleBytes: ["do": "single-bytes"]
        case .goAway(let refusing): ["do": "goaway", "refuse": .bool(refusing)]
        case .observe: ["do": "observe"]
        }
    }
}

extension FaultPoint {
    fileprivate var key: String {
        switch self {
        case .bytes: "after_bytes"
        case .events: "after_events"
        }
    }

    fileprivate var value: JSONValue {
        switch self {
        case .bytes(let count), .events(let count): integer(count)
        }
    }
}

private func integer(_ number: Int) -> JSONValue { .integer(Int64(number)) }
