// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import PKI

@Suite("PKI errors")
struct PKIErrorTests {
    @Test("an error says what it is about and why")
    func description() {
        #expect(
            PKIError.unreadable(what: "certs.os.key", reason: "no PEM block").description
                == "certs.os.key cannot be read: no PEM block")
    }
}
