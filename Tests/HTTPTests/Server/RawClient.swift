// SPDX-License-Identifier: Apache-2.0
import Glibc
import Platform

/// A TCP client that sends and reads bytes and knows nothing of HTTP.
///
/// It waits in system calls, so tests run it where waiting harms nobody; a server that never answers makes
/// it give up after a minute.
final class RawClient: Sendable {
    private let descriptor: Int32

    init(port: UInt16, receiveBuffer: Int32? = nil) {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        if var receiveBuffer {
            setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &receiveBuffer, socklen_t(MemoryLayout<Int32>.size))
        }
        var patience = timeval(tv_sec: 60, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        withUnsafeBytes(of: &address) { bytes in
            _ = bytes.withMemoryRebound(to: sockaddr.self) {
                connect(descriptor, $0.baseAddress, socklen_t(bytes.count))
            }
        }
    }

    deinit {
        close(descriptor)
    }

    func send(_ text: String) {
        send(Array(text.utf8))
    }

    func send(_ bytes: [UInt8]) {
        _ = Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
    }

    /// Says that no more will be sent.
    func finishSending() {
        shutdown(descriptor, Int32(SHUT_WR))
    }

    /// Closes with a reset, as a client that crashes does.
    func reset() {
        var option = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
    }

    /// The next bytes; nil at the end of the stream, on a reset and when nothing comes.
    func receive(atMost count: Int = 65_536) -> [UInt8]? {
        var buffer = [UInt8](repeating: 0, count: count)
        let received = recv(descriptor, &buffer, count, 0)
        return received > 0 ? Array(buffer.prefix(received)) : nil
    }

    /// Everything up to the end of the stream.
    func receiveAll() -> String {
        var bytes: [UInt8] = []
        while let next = receive() { bytes += next }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Everything up to the end of the stream, while tasks go on: on a machine with one core they have one thread.
    func receiveAllAside() async -> String {
        await withCheckedContinuation { continuation in
            do {
                try SystemThread.start { continuation.resume(returning: self.receiveAll()) }.detach()
            } catch {
                continuation.resume(returning: "\(error)")
            }
        }
    }

    /// One response with `Content-Length`, head and body; what there is if the stream ends before.
    func receiveResponse(bodyIsDropped: Bool = false) -> String {
        var bytes: [UInt8] = []
        while let next = receive(atMost: 1) {
            bytes += next
            guard bytes.suffix(4) == [13, 10, 13, 10] else { continue }
            let head = String(decoding: bytes, as: UTF8.self)
            let marker = "Content-Length: "
            let line = head.split(separator: "\r\n").first { $0.hasPrefix(marker) } ?? ""
            var missing = bodyIsDropped ? 0 : Int(line.dropFirst(marker.count)) ?? 0
            while missing > 0, let next = receive(atMost: missing) {
                bytes += next
                missing -= next.count
            }
            break
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
