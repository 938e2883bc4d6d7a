// SPDX-License-Identifier: Apache-2.0
import CCurl
import Glibc
import Platform

/// One exchange on its way through libcurl; lives on the engine's thread alone.
final class CurlTransfer {
    /// The most room taken at once on the word of a Content-Length header: 4 MiB.
    private static let largestReservation = 4 << 20

    let exchange: CurlExchange
    let handle: CurlHandle
    var head = ResponseHeadParser()
    /// Why libcurl was told to give up, if it was.
    private(set) var failure: TransportError?
    /// For a stream what came since it was last passed on, else the body so far.
    private var body: [UInt8] = []
    private var bytesUploaded = 0
    private var isBegun = false
    /// Whether the server is to wait for the stream's reader.
    private(set) var isAhead = false
    /// Whether it has waited before.
    private(set) var wasAhead = false
    /// When the transfer began.
    let started: Instant
    /// When bytes of the response came last.
    private(set) var lastArrival: Instant?

    private let clock: any Clock
    /// The server's key, if the destination wants it told.
    private var serverKey: ServerKeyDigest?

    init(_ exchange: CurlExchange, _ handle: CurlHandle, _ clock: any Clock) {
        self.exchange = exchange
        self.handle = handle
        self.clock = clock
        started = clock.now
    }

    /// The transfer that `CurlHandle.prepare` gave this handle.
    static func of(handle: UnsafeMutableRawPointer?) -> CurlTransfer? {
        var context: UnsafeMutableRawPointer?
        guard let handle, ccurl_get_private(handle, &context) == CURLE_OK else { return nil }
        return of(context)
    }

    fileprivate static func of(_ context: UnsafeMutableRawPointer?) -> CurlTransfer? {
        guard let context else { return nil }
        return Unmanaged<CurlTransfer>.fromOpaque(context).takeUnretainedValue()
    }

    /// The connection under the request; nil if there is none yet.
    var connection: CurlConnection? {
        handle.localPort.map {
            CurlConnection(destination: ObjectIdentifier(exchange.destination), port: $0)
        }
    }

    func uses(_ connection: CurlConnection) -> Bool {
        // Most are to other destinations, and need no question to libcurl.
        ObjectIdentifier(exchange.destination) == connection.destination
            && handle.localPort == connection.port
    }

    /// The response's head, once it is there.
    var responseHead: HTTPResponseHead? {
        guard var head = head.finished else { return nil }
        head.serverKey = serverKey
        return head
    }

    /// What libcurl hands to the callbacks; good for as long as the engine holds the transfer.
    var context: UnsafeMutableRawPointer { Unmanaged.passUnretained(self).toOpaque() }

    /// Lets the server go on.
    func resume() {
        (isAhead, wasAhead) = (false, true)
        handle.pause(false)
    }

    /// Has libcurl look at what it has read already: after a pause it may leave that lying about, and wait for more.
    func nudge() {
        handle.pause(true)
        handle.pause(false)
    }

    /// Whether a stream has something that its reader does not know of.
    var hasNews: Bool { !body.isEmpty || (!isBegun && head.finished != nil) }

    /// The whole body, which the transfer then no longer has.
    func takeBody() -> [UInt8] {
        defer { body = [] }
        return body
    }

    /// Tells a stream's reader all that it does not know yet.
    func passOn() {
        guard exchange.isStream, let head = responseHead else { return }
        if !isBegun {
            isBegun = true
            exchange.begin(HTTPResponse(head: head))
        }
        guard !body.isEmpty else { return }
        let delivery = exchange.deliver(takeBody())
        isAhead = delivery == .behind
        if delivery == .tooLate { failure = .responseTooLarge(limit: exchange.unreadLimit) }
    }
}

// What the callbacks do; false ends the transfer.
extension CurlTransfer {
    /// Whether the request may still be sent; asked anew for each connection that it is tried on.
    fileprivate func mayBegin() -> Bool {
        if let limit = exchange.request.notAfter, clock.now >= limit {
            failure = .tooLate
            return false
        }
        if exchange.request.isGRPC, !handle.speaksHTTP2 {
            failure = .connectFailed("the server does not offer HTTP/2 (ALPN h2), which gRPC needs")
            return false
        }
        if exchange.destination.options.tellsServerKey { serverKey = handle.serverKey }
        return true
    }

    fileprivate func receiveHeader(_ line: UnsafeRawBufferPointer) -> Bool {
        lastArrival = clock.now
        guard head.add(line: line) else {
            failure = .interrupted("the response head exceeds \(ResponseHeadParser.sizeLimit) bytes")
            return false
        }
        return true
    }

    fileprivate func receiveBody(_ bytes: UnsafeRawBufferPointer) -> Bool {
        lastArrival = clock.now
        let limit = exchange.isStream ? exchange.unreadLimit : exchange.request.responseLimit
        guard body.count + bytes.count <= limit else {
            failure = .responseTooLarge(limit: limit)
            return false
        }
        if body.isEmpty, !exchange.isStream {
            body.reserveCapacity(max(bytes.count, min(handle.contentLength, Self.largestReservation, limit)))
        }
        body.append(contentsOf: bytes)
        return true
    }

    /// Fills `space` with the next bytes of the request's body; 0 at its end.
    fileprivate func upload(into space: UnsafeMutableRawBufferPointer) -> Int {
        guard let bytes = exchange.request.body else { return 0 }
        return bytes.withUnsafeBytes { bytes in
            let count = min(space.count, bytes.count - bytesUploaded)
            space.copyBytes(from: bytes[bytesUploaded..<bytesUploaded + count])
            bytesUploaded += count
            return count
        }
    }

    /// Lets libcurl send the body once more, but never that of a POST: it may have been acted on already.
    fileprivate func rewindUpload(to offset: Int) -> Bool {
        guard exchange.request.method != .post, (0...(exchange.request.body?.count ?? 0)).contains(offset)
        else {
            return false
        }
        bytesUploaded = offset
        return true
    }
}

// The functions below are libcurl's callbacks. They stand at file level because a closure formed in isolated
// code would check for that isolation on the engine's thread, and trap.

func curlMayBegin(
    _ context: UnsafeMutableRawPointer?, _ address: UnsafeMutablePointer<CChar>?,
    _ localAddress: UnsafeMutablePointer<CChar>?, _ port: Int32, _ localPort: Int32
) -> Int32 {
    CurlTransfer.of(context)?.mayBegin() == true ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT
}

func curlHeaderArrived(
    _ bytes: UnsafeMutablePointer<CChar>?, _ size: Int, _ count: Int, _ context: UnsafeMutableRawPointer?
) -> Int {
    let line = UnsafeRawBufferPointer(start: bytes, count: size * count)
    return CurlTransfer.of(context)?.receiveHeader(line) == true ? line.count : rejected
}

func curlBodyArrived(
    _ bytes: UnsafeMutablePointer<CChar>?, _ size: Int, _ count: Int, _ context: UnsafeMutableRawPointer?
) -> Int {
    let piece = UnsafeRawBufferPointer(start: bytes, count: size * count)
    return CurlTransfer.of(context)?.receiveBody(piece) == true ? piece.count : rejected
}

func curlWantsBody(
    _ bytes: UnsafeMutablePointer<CChar>?, _ size: Int, _ count: Int, _ context: UnsafeMutableRawPointer?
) -> Int {
    let space = UnsafeMutableRawBufferPointer(start: bytes, count: size * count)
    return CurlTransfer.of(context)?.upload(into: space) ?? Int(CURL_READFUNC_ABORT)
}

func curlWantsBodyAgain(_ context: UnsafeMutableRawPointer?, _ offset: curl_off_t, _ origin: Int32) -> Int32 {
    guard origin == SEEK_SET, CurlTransfer.of(context)?.rewindUpload(to: Int(offset)) == true else {
        return CURL_SEEKFUNC_FAIL
    }
    return CURL_SEEKFUNC_OK
}

/// Makes the kernel give up a connection whose peer has gone silent.
///
/// Sent bytes may stay unacknowledged for 30 s (`TCP_USER_TIMEOUT`), and of the keep-alive probes that libcurl
/// has switched on three may be lost. libcurl sends no HTTP/2 PING that would find out sooner.
func curlSocketOpened(
    _ context: UnsafeMutableRawPointer?, _ socket: curl_socket_t, _ purpose: curlsocktype
) -> Int32 {
    let size = socklen_t(MemoryLayout<Int32>.size)
    for (option, var value) in [(TCP_USER_TIMEOUT, Int32(30_000)), (TCP_KEEPCNT, 3)] {
        // A kernel without the option leaves the connection as good as it was.
        _ = setsockopt(socket, Int32(IPPROTO_TCP), option, &value, size)
    }
    return CURL_SOCKOPT_OK
}

/// More than libcurl offered, which it takes for a refusal; zero would not refuse an empty piece.
private let rejected = Int(UInt32.max)
