// SPDX-License-Identifier: Apache-2.0
import Platform
import Testing

@testable import PKI

/// Gives the numbers it is told, over and over.
struct FixedGenerator: RandomNumberGenerator {
    private var numbers: [UInt64]
    private var place = 0

    init(_ numbers: some Sequence<UInt64>) {
        self.numbers = Array(numbers)
    }

    mutating func next() -> UInt64 {
        defer { place = (place + 1) % numbers.count }
        return numbers[place]
    }
}

@Suite("Random texts")
struct RandomTextTests {
    @Test("a token is kubeadm's, and bytes that would favour some characters are drawn again")
    func tokens() {
        var counting = FixedGenerator(0...255)
        #expect(RandomText.token(using: &counting) == "012345.6789abcdefghijkl")
        var high = FixedGenerator([252, 253, 254, 255, 251, 36, 35])
        #expect(RandomText.token(using: &high) == "z0zz0z.z0zz0zz0zz0zz0zz")
    }

    @Test("32 bytes are 44 characters, in the alphabet of URLs where those are wanted")
    func base64() {
        var generator = FixedGenerator([0xFB, 0xEF, 0xFF])
        #expect(RandomText.base64(using: &generator) == String(repeating: "++//", count: 10) + "++8=")
        generator = FixedGenerator([0xFB, 0xEF, 0xFF])
        #expect(RandomText.base64URL(using: &generator) == String(repeating: "--__", count: 10) + "--8=")
    }

    @Test("the machine's randomness does not repeat itself")
    func random() {
        var generator = SystemRandomNumberGenerator()
        let tokens = Set((0..<100).map { _ in RandomText.token(using: &generator) })
        #expect(tokens.count == 100)
        #expect(Set(tokens.joined()).isSubset(of: "0123456789abcdefghijklmnopqrstuvwxyz."))
        #expect(RandomText.serialNumber(using: &generator).count == 16)
    }
}
