// SPDX-License-Identifier: Apache-2.0
import HTTP

extension GRPCStatus {
    /// The status in the trailers, or in the head of a response that has no body; nil if there is none.
    init?(trailers: HTTPHeaders, head: HTTPHeaders) {
        let fields = trailers["grpc-status"] == nil ? head : trailers
        guard let text = fields["grpc-status"] else { return nil }
        let message = Self.decoded(fields["grpc-message"] ?? "")
        if let number = Int(text), let code = Code(rawValue: number) {
            self.init(code, message)
        } else {
            self.init(.unknown, message.isEmpty ? "a status that gRPC has not" : message)
        }
    }

    /// What a response without any gRPC status means, by its HTTP status; nil for 200.
    ///
    /// Comes from what stands between, such as a proxy.
    init?(httpStatus status: Int) {
        let code: Code? =
            switch status {
            case 200: nil
            case 400: .internal
            case 401: .unauthenticated
            case 403: .permissionDenied
            case 404: .unimplemented
            case 429, 502, 503, 504: .unavailable
            default: .unknown
            }
        guard let code else { return nil }
        self.init(code, "HTTP status \(status)")
    }

    /// Percent-encoded text decoded; what is no such encoding stays as it is.
    static func decoded(_ text: String) -> String {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), let high = hex(rest.first), let low = hex(rest.dropFirst().first) {
                bytes.append(high << 4 | low)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func hex(_ byte: UInt8?) -> UInt8? {
        switch byte {
        case .some(let digit) where (48...57).contains(digit): digit - 48
        case .some(let digit) where (65...70).contains(digit): digit - 55
        case .some(let digit) where (97...102).contains(digit): digit - 87
        default: nil
        }
    }
}
