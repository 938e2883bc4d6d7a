// SPDX-License-Identifier: Apache-2.0
import Glibc

/// A file descriptor with an owner: it is closed when nobody refers to it any more.
final class OwnedDescriptor: Sendable {
    let raw: Int32

    init(_ raw: Int32) {
        self.raw = raw
    }

    deinit {
        close(raw)
    }
}

/// A system call that failed.
struct SocketError: Error, Hashable {
    var operation: String
    var code: Int32

    /// Takes the code from `errno` unless it is given, so it comes right after the call.
    init(_ operation: String, code: Int32 = errno) {
        self.operation = operation
        self.code = code
    }

    var reason: String { String(cString: strerror(code)) }
}

/// Socket calls with Swift types; none of them waits.
enum Sockets {
    /// Opens a listening socket, which the caller closes.
    static func listen(_ address: BindAddress) throws(SocketError) -> Int32 {
        switch address.host {
        case .ipv4(let bytes): return try listen(ipv4Address(bytes, address.port), AF_INET)
        case .ipv6(let bytes): return try listen(ipv6Address(bytes, address.port), AF_INET6)
        case .any:
            do throws(SocketError) {
                return try listen(ipv6Address([UInt8](repeating: 0, count: 16), address.port), AF_INET6)
            } catch {
                // A machine without IPv6 has no such family or no such address.
                guard error.code == EAFNOSUPPORT || error.code == EADDRNOTAVAIL else { throw error }
                return try listen(ipv4Address([0, 0, 0, 0], address.port), AF_INET)
            }
        }
    }

    private static func listen<Address>(_ address: Address, _ family: Int32) throws(SocketError) -> Int32 {
        let descriptor = socket(family, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw SocketError("socket") }
        do throws(SocketError) {
            makeNonBlocking(descriptor)
            set(SO_REUSEADDR, of: SOL_SOCKET, to: 1, on: descriptor)
            if family == AF_INET6 { set(IPV6_V6ONLY, of: Int32(IPPROTO_IPV6), to: 0, on: descriptor) }
            let result = withUnsafeBytes(of: address) { bytes in
                bytes.withMemoryRebound(to: sockaddr.self) {
                    bind(descriptor, $0.baseAddress, socklen_t(bytes.count))
                }
            }
            guard result == 0 else { throw SocketError("bind") }
            guard Glibc.listen(descriptor, SOMAXCONN) == 0 else { throw SocketError("listen") }
            return descriptor
        } catch {
            close(descriptor)
            throw error
        }
    }

    /// The port a socket is bound to.
    static func port(of descriptor: Int32) -> UInt16 {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        return withUnsafeMutableBytes(of: &storage) { bytes in
            let result = bytes.withMemoryRebound(to: sockaddr.self) {
                getsockname(descriptor, $0.baseAddress, &length)
            }
            // The port is at the same place for both families, RFC 3493 §3.3.
            return result == 0 ? UInt16(bytes[2]) << 8 | UInt16(bytes[3]) : 0
        }
    }

    /// Takes the next waiting connection; nil if there is none.
    static func accept(_ listener: Int32) throws(SocketError) -> Int32? {
        while true {
            let raw = Glibc.accept(listener, nil, nil)
            if raw >= 0 {
                makeNonBlocking(raw)
                set(TCP_NODELAY, of: Int32(IPPROTO_TCP), to: 1, on: raw)
                return raw
            }
            switch errno {
            case EINTR, ECONNABORTED: continue
            case EAGAIN: return nil
            default: throw SocketError("accept")
            }
        }
    }

    /// What became of a transfer.
    enum Transfer: Hashable {
        case done(Int)
        /// The client has closed its side.
        case end
        /// Nothing to be had, or no room, for now.
        case wouldBlock
        case failed
        /// A TLS handshake did not succeed; the client has been told.
        case handshakeFailed
        /// The client speaks HTTP without TLS to a server that has it.
        case plainHTTP
    }

    /// Reads what has arrived, up to the size of `buffer`.
    static func receive(_ descriptor: Int32, into buffer: inout [UInt8]) -> Transfer {
        while true {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            if count > 0 { return .done(count) }
            if count == 0 { return .end }
            if errno != EINTR { return errno == EAGAIN ? .wouldBlock : .failed }
        }
    }

    /// Sends what there is room for; a client that is gone raises no SIGPIPE.
    static func send(_ descriptor: Int32, _ bytes: ArraySlice<UInt8>) -> Transfer {
        while true {
            let count = bytes.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            if count >= 0 { return .done(count) }
            if errno != EINTR { return errno == EAGAIN ? .wouldBlock : .failed }
        }
    }

    /// Makes calls on a descriptor return instead of wait, and keeps it from child processes.
    static func makeNonBlocking(_ descriptor: Int32) {
        _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    }

    private static func set(_ option: Int32, of level: Int32, to value: Int32, on descriptor: Int32) {
        var value = value
        setsockopt(descriptor, level, option, &value, socklen_t(MemoryLayout<Int32>.size))
    }

    private static func ipv4Address(_ bytes: [UInt8], _ port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        withUnsafeMutableBytes(of: &address.sin_addr) { $0.copyBytes(from: bytes) }
        return address
    }

    private static func ipv6Address(_ bytes: [UInt8], _ port: UInt16) -> sockaddr_in6 {
        var address = sockaddr_in6()
        address.sin6_family = sa_family_t(AF_INET6)
        address.sin6_port = port.bigEndian
        withUnsafeMutableBytes(of: &address.sin6_addr) { $0.copyBytes(from: bytes) }
        return address
    }
}
