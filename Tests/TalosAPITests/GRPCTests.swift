// SPDX-License-Identifier: Apache-2.0
import HTTP
import TestSupport
import Testing

@testable import TalosAPI

@Suite("gRPC")
struct GRPCTests {
    private static let head = HTTPResponseHead(status: 200, headers: ["content-type": "application/grpc"])
    private static let ok: HTTPHeaders = ["grpc-status": "0"]

    private func unary(
        _ body: [UInt8], trailers: HTTPHeaders = ok, head: HTTPResponseHead = head
    ) async -> Result<[UInt8], TalosError> {
        let transport = ScriptedTransport(.response(HTTPResponse(head: head, body: body, trailers: trailers)))
        return await result { () async throws(TalosError) in
            try await GRPCChannel(transport: transport).unary("/a.B/C", [], within: .seconds(1))
        }
    }

    private func stream(_ pieces: [[UInt8]], trailers: HTTPHeaders = ok) async -> Result<
        [[UInt8]], TalosError
    > {
        let transport = ScriptedTransport(.stream(Self.head, ScriptedBody(pieces, trailers: trailers)))
        return await result { () async throws(TalosError) in
            let stream = try await GRPCChannel(transport: transport).open("/a.B/C", [], within: .seconds(1))
            var messages: [[UInt8]] = []
            while let message = try await stream.next() { messages.append(message) }
            return messages
        }
    }

    private func result<Value>(
        _ body: () async throws(TalosError) -> Value
    ) async -> Result<Value, TalosError> {
        do throws(TalosError) { return .success(try await body()) } catch { return .failure(error) }
    }

    @Test("A call is a POST with a frame, and says how long it may take")
    func request() async throws {
        let transport = ScriptedTransport(
            .response(HTTPResponse(head: Self.head, body: GRPCFrames.frame([9]), trailers: Self.ok)))
        let answer = try await GRPCChannel(transport: transport).unary("/a.B/C", [1, 2], within: .seconds(3))
        #expect(answer == [9])
        let request = try #require(transport.requests.first)
        #expect(request.method == .post)
        #expect(request.target == "/a.B/C")
        #expect(request.headers["content-type"] == "application/grpc+proto")
        #expect(request.headers["te"] == "trailers")
        #expect(request.headers["grpc-timeout"] == "3000m")
        #expect(request.body == [0, 0, 0, 0, 2, 1, 2])
        #expect(request.timeout == .milliseconds(3250))
        #expect(request.isGRPC)
    }

    @Test(
        "A limit has eight digits at most",
        arguments: [
            (.zero, "1m"), (.milliseconds(1), "1m"), (.milliseconds(99_999_999), "99999999m"),
            (.milliseconds(100_000_000), "100000S"), (.seconds(Int64.max), "99999999S"), (.seconds(-1), "1m"),
        ] as [(Duration, String)])
    func timeout(limit: Duration, expected: String) {
        #expect(GRPCChannel.timeout(limit) == expected)
    }

    @Test("Messages come out whole, however the bytes are split", arguments: 1...12)
    func split(size: Int) async {
        let messages: [[UInt8]] = [[], [1], Array(repeating: 7, count: 300), [], [2, 3]]
        let bytes = Array(messages.map(GRPCFrames.frame).joined())
        let pieces = stride(from: 0, to: bytes.count, by: size).map {
            Array(bytes[$0..<min($0 + size, bytes.count)])
        }
        #expect(await stream(pieces) == .success(messages))
        #expect(await stream([bytes]) == .success(messages))
    }

    @Test("An answer that is cut off is no answer, and may have been processed")
    func cutOff() async {
        let bytes = GRPCFrames.frame([1, 2, 3])
        for end in 1..<bytes.count {
            let result = await stream([Array(bytes[..<end])])
            #expect(result == .failure(.transport(.interrupted("the answer ended within a message"))))
        }
        let error = await unary(bytes, trailers: [:]).failure
        #expect(error == .transport(.interrupted("the answer ended without a status")))
        #expect(error?.mayHaveBeenProcessed == true)
        #expect(error?.isUnavailable == true)
        #expect(await stream([bytes], trailers: [:]).failure == error)
    }

    @Test(
        "What is no message is refused",
        arguments: [
            ([1, 0, 0, 0, 0], "compressed"), ([2, 0, 0, 0, 0], "unknown flag"),
            ([0, 2, 0, 0, 1], "33554433 bytes"), ([0, 0xFF, 0xFF, 0xFF, 0xFF], "4294967295 bytes"),
        ] as [([UInt8], String)])
    func refused(bytes: [UInt8], reason: String) async {
        for error in [await unary(bytes).failure, await stream([bytes]).failure] {
            #expect("\(error, default: "none")".contains(reason))
        }
    }

    @Test("An answer of no message or of several is none to a call that wants one")
    func notOne() async {
        let two = GRPCFrames.frame([1]) + GRPCFrames.frame([2])
        for body in [[], two, Array(two.dropLast())] {
            guard case .decoding? = await unary(body).failure else {
                Issue.record("not refused")
                continue
            }
        }
    }

    @Test(
        "The status is taken from the trailers, or from a head without a body",
        arguments: GRPCStatus.Code.allCases)
    func status(code: GRPCStatus.Code) async {
        let fields: HTTPHeaders = ["grpc-status": "\(code.rawValue)", "grpc-message": "why"]
        var head = Self.head
        head.headers.append("grpc-status", "\(code.rawValue)")
        head.headers.append("grpc-message", "why")
        let body = GRPCFrames.frame([])
        if code == .ok {
            #expect(await unary(body, trailers: fields) == .success([]))
            #expect(await unary(body, trailers: [:], head: head) == .success([]))
        } else {
            let expected = TalosError.status(GRPCStatus(code, "why"))
            #expect(await unary(body, trailers: fields).failure == expected)
            #expect(await unary([], trailers: [:], head: head).failure == expected)
            #expect(await stream([body], trailers: fields).failure == expected)
        }
    }

    @Test("A status that gRPC has not is an unknown error", arguments: ["17", "-1", "x", ""])
    func strangeStatus(text: String) async {
        let error = await unary(GRPCFrames.frame([]), trailers: ["grpc-status": text]).failure
        #expect(error?.code == .unknown)
    }

    @Test(
        "Messages are percent-decoded, and what is not encoded stays",
        arguments: [
            ("plain", "plain"), ("100%25 %22na%C3%AFve%22", "100% \"naïve\""), ("50%", "50%"), ("%", "%"),
            ("%4", "%4"), ("%zz", "%zz"), ("%FF", "\u{FFFD}"), ("", ""),
        ])
    func message(text: String, expected: String) {
        #expect(GRPCStatus.decoded(text) == expected)
    }

    @Test(
        "An HTTP error without a status is mapped as gRPC wants it",
        arguments: [
            (400, .internal), (401, .unauthenticated), (403, .permissionDenied), (404, .unimplemented),
            (429, .unavailable), (502, .unavailable), (503, .unavailable), (504, .unavailable),
            (500, .unknown), (302, .unknown),
        ] as [(Int, GRPCStatus.Code)])
    func httpStatus(status: Int, code: GRPCStatus.Code) async {
        let error = await unary([], trailers: [:], head: HTTPResponseHead(status: status)).failure
        #expect(error == .status(GRPCStatus(code, "HTTP status \(status)")))
    }

    @Test("A page is no answer", arguments: ["text/html", "application/grpcx", ""])
    func page(type: String) async {
        let head = HTTPResponseHead(status: 200, headers: ["content-type": type])
        #expect(
            await unary([], trailers: Self.ok, head: head).failure == .decoding("the response is not gRPC"))
    }

    @Test("What keeps an answer from arriving is passed on")
    func transportErrors() async {
        for error in [TransportError.connectFailed("x"), .timedOut, .cancelled, .tlsFailed("x")] {
            let channel = GRPCChannel(transport: ScriptedTransport(.failure(error), .failure(error)))
            let unary = await result { () async throws(TalosError) in
                try await channel.unary("/a.B/C", [], within: .seconds(1))
            }
            #expect(unary.failure == .transport(error))
            let opened = await result { () async throws(TalosError) in
                _ = try await channel.open("/a.B/C", [], within: .seconds(1))
            }
            #expect(opened.failure == .transport(error))
        }
    }
}

@Suite("TalosError")
struct TalosErrorTests {
    @Test(
        "An error tells whether the node may have acted, and whether to come back later",
        arguments: [
            (.transport(.connectFailed("x")), false, true), (.transport(.tlsFailed("x")), false, false),
            (.transport(.timedOut), true, true), (.transport(.interrupted("x")), true, true),
            (.transport(.cancelled), true, false), (.transport(.invalidConfiguration("x")), false, false),
            (.status(GRPCStatus(.unavailable)), true, true),
            (.status(GRPCStatus(.deadlineExceeded)), true, true),
            (.status(GRPCStatus(.cancelled)), true, true), (.status(GRPCStatus(.internal)), true, false),
            (.status(GRPCStatus(.unknown)), false, false),
            (.status(GRPCStatus(.failedPrecondition)), false, false),
            (.status(GRPCStatus(.alreadyExists)), false, false),
            (.status(GRPCStatus(.unimplemented)), false, false),
            (.node(hostname: "a", GRPCStatus(.unavailable)), true, true),
            (.node(hostname: "a", GRPCStatus(.notFound)), false, false), (.decoding("x"), true, false),
        ] as [(TalosError, Bool, Bool)])
    func meaning(error: TalosError, mayHaveBeenProcessed: Bool, isUnavailable: Bool) {
        #expect(error.mayHaveBeenProcessed == mayHaveBeenProcessed)
        #expect(error.isUnavailable == isUnavailable)
    }

    @Test("An error reads as the node's words, with its code")
    func description() {
        #expect("\(TalosError.status(GRPCStatus(.notFound, "no member")))" == "NOT_FOUND: no member")
        #expect("\(TalosError.node(hostname: "cp-1", GRPCStatus(.internal)))" == "cp-1: INTERNAL")
        #expect("\(TalosError.decoding("x"))" == "unusable answer: x")
        #expect("\(TalosError.transport(.timedOut))" == "no response in time")
    }
}

extension Result {
    /// The error, if there is one.
    var failure: Failure? {
        if case .failure(let error) = self { error } else { nil }
    }
}
