// SPDX-License-Identifier: Apache-2.0
import COpenSSL
import Glibc
import Platform

/// Fields of OpenSSL's certificates as values.
enum CertificateFields {
    /// The bytes of a string; nil if there is none.
    static func bytes(_ string: UnsafePointer<ASN1_STRING>?) -> [UInt8]? {
        guard let string, let start = ASN1_STRING_get0_data(string) else { return nil }
        return Array(UnsafeBufferPointer(start: start, count: Int(max(0, ASN1_STRING_length(string)))))
    }

    /// A whole number in hexadecimal digits; its bytes have no sign, and no certificate should have a negative one.
    static func hexadecimal(_ number: UnsafePointer<ASN1_INTEGER>?) -> String {
        let digits = (bytes(number) ?? []).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        let significant = digits.drop { $0 == "0" }
        return significant.isEmpty ? "0" : String(significant)
    }

    /// A time; those that a timestamp cannot hold are the last that it can.
    static func timestamp(_ time: UnsafePointer<ASN1_TIME>?) -> Timestamp? {
        var parts = tm()
        guard let time, ASN1_TIME_to_tm(time, &parts) == 1 else { return nil }
        let (nanoseconds, overflow) = Int64(timegm(&parts)).multipliedReportingOverflow(by: 1_000_000_000)
        guard overflow else { return Timestamp(nanosecondsSince1970: nanoseconds) }
        return Timestamp(nanosecondsSince1970: parts.tm_year < 70 ? .min : .max)
    }

    /// The purposes by their short names, or by their numbers if they have none.
    static func extendedKeyUsage(_ certificate: OpaquePointer) -> [String] {
        guard let purposes = X509_get_ext_d2i(certificate, NID_ext_key_usage, nil, nil) else { return [] }
        let list = OpaquePointer(purposes)
        defer { EXTENDED_KEY_USAGE_free(list) }
        return elements(of: list).map { name(OpaquePointer($0)) }
    }

    /// DNS names and IP addresses.
    static func alternativeNames(_ certificate: OpaquePointer) -> [String] {
        guard let names = X509_get_ext_d2i(certificate, NID_subject_alt_name, nil, nil) else { return [] }
        let list = OpaquePointer(names)
        defer { GENERAL_NAMES_free(list) }
        return elements(of: list).compactMap { element in
            var kind: Int32 = 0
            let name = element.assumingMemoryBound(to: GENERAL_NAME.self)
            guard let value = GENERAL_NAME_get0_value(name, &kind) else { return nil }
            let text = UnsafePointer(value.assumingMemoryBound(to: ASN1_STRING.self))
            switch kind {
            case GEN_DNS: return bytes(text).map { String(decoding: $0, as: UTF8.self) }
            case GEN_IPADD: return bytes(text).flatMap(address)
            default: return nil
            }
        }
    }

    private static func address(_ bytes: [UInt8]) -> String? {
        guard bytes.count == 4 || bytes.count == 16 else { return nil }
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        let family = bytes.count == 4 ? AF_INET : AF_INET6
        guard inet_ntop(family, bytes, &text, socklen_t(text.count)) != nil else { return nil }
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    private static func elements(of stack: OpaquePointer) -> [UnsafeMutableRawPointer] {
        (0..<max(0, OPENSSL_sk_num(stack))).compactMap { OPENSSL_sk_value(stack, $0) }
    }

    /// The short name of an object, or its number if it has none.
    static func name(_ object: OpaquePointer?) -> String {
        let number = OBJ_obj2nid(object)
        if number != NID_undef, let name = OBJ_nid2sn(number) { return String(cString: name) }
        var text = [CChar](repeating: 0, count: 128)
        OBJ_obj2txt(&text, Int32(text.count), object, 1)
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

extension Certificate.Name {
    /// The name that OpenSSL has read; empty if there is none.
    init(_ name: OpaquePointer?) {
        let count = name.map { X509_NAME_entry_count($0) } ?? 0
        attributes = (0..<max(0, count)).compactMap { index in
            guard let entry = X509_NAME_get_entry(name, index) else { return nil }
            return Attribute(
                type: CertificateFields.name(X509_NAME_ENTRY_get_object(entry)),
                value: Self.text(X509_NAME_ENTRY_get_data(entry)))
        }
    }

    /// A string of whatever kind as UTF-8.
    private static func text(_ string: UnsafePointer<ASN1_STRING>?) -> String {
        var buffer: UnsafeMutablePointer<UInt8>?
        let count = ASN1_STRING_to_UTF8(&buffer, string)
        guard count >= 0, let buffer else { return "" }
        defer { CRYPTO_free(buffer, #file, #line) }
        return String(decoding: UnsafeBufferPointer(start: buffer, count: Int(count)), as: UTF8.self)
    }
}
