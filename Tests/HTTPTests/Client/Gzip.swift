// SPDX-License-Identifier: Apache-2.0

/// Compressed bodies made by hand, so that the tests need no compressor.
enum Gzip {
    private static let header: [UInt8] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]

    /// The bytes as one stored block; at most 65,535.
    static func stored(_ bytes: [UInt8]) -> [UInt8] {
        let count = UInt16(bytes.count)
        return header + [1] + littleEndian(count) + littleEndian(~count) + bytes
            + littleEndian(checksum(bytes))
            + littleEndian(UInt32(bytes.count))
    }

    /// At least `count` zero bytes, about 160 times smaller, without the trailer.
    ///
    /// One block with the fixed codes: a zero, then "258 bytes from one byte back" over and over.
    static func zeros(count: Int) -> [UInt8] {
        var (bytes, bits, used) = (header, UInt32(0), 0)
        func put(_ code: [UInt32]) {
            for bit in code {
                bits |= bit << UInt32(used)
                used += 1
                guard used == 8 else { continue }
                bytes.append(UInt8(bits))
                (bits, used) = (0, 0)
            }
        }
        put([1, 1, 0])
        put([0, 0, 1, 1, 0, 0, 0, 0])
        for _ in 0..<(count / 258 + 1) { put([1, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0]) }
        put([0, 0, 0, 0, 0, 0, 0])
        put(Array(repeating: 0, count: 8))
        return bytes
    }

    private static func checksum(_ bytes: [UInt8]) -> UInt32 {
        ~bytes.reduce(UInt32.max) { sum, byte in
            (0..<8).reduce(sum ^ UInt32(byte)) { value, _ in
                value & 1 == 1 ? value >> 1 ^ 0xedb8_8320 : value >> 1
            }
        }
    }

    private static func littleEndian<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] {
        withUnsafeBytes(of: number.littleEndian) { Array($0) }
    }
}
