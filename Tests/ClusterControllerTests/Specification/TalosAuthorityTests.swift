// SPDX-License-Identifier: Apache-2.0
import Platform
import StructuredData
import Talos
import Testing

@testable import ClusterController

@Suite("Validation of an authority of one's own")
struct TalosAuthorityTests {
    private func validate(_ crt: String, _ key: String, management: String = "Config") -> ClusterValidation {
        let fields: JSONValue = [
            "management": .string(management),
            "talosConfig": ["machine": ["ca": ["crt": .string(crt), "key": .string(key)]]],
        ]
        return ClusterValidation(Fixture.simpleSpec.mergePatched(with: fields))
    }

    private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

    @Test("Each half may be PEM text or Base64 of it")
    func forms() throws {
        let authority = try ConfigFixture.secrets.get().os
        for crt in [text(authority.crt), Base64.encode(authority.crt)] {
            for key in [text(authority.key), Base64.encode(authority.key)] {
                guard case .valid(let spec, let warnings) = validate(crt, key) else {
                    Issue.record("refused")
                    continue
                }
                #expect(spec.talosAuthority == authority && warnings == [])
            }
        }
    }

    @Test("What is no authority is refused without showing it, where configurations are made")
    func wrong() throws {
        let secrets = try ConfigFixture.secrets.get()
        let (crt, key) = (text(secrets.os.crt), text(secrets.os.key))
        let path = "spec.talosConfig.machine.ca"
        #expect(validate("s3cr3t", key).problemLines == ["\(path).crt: must be PEM text, or Base64 of it"])
        #expect(validate(crt, "s3cr3t").problemLines == ["\(path).key: must be PEM text, or Base64 of it"])
        for (crt, key, field) in [(key, key, "crt"), (crt, crt, "key"), (crt, text(secrets.etcd.key), "key")]
        {
            let lines = validate(crt, key).problemLines
            #expect(lines.count == 1 && lines.allSatisfy { $0.hasPrefix("\(path).\(field): ") }, "\(lines)")
        }
        #expect(validate("s3cr3t", "s3cr3t", management: "Machines").problemLines == [])
    }
}
