// SPDX-License-Identifier: Apache-2.0
import PKI
import Platform
import Testing

@testable import Talos

@Suite("Renewing client certificates")
struct RenewalDecisionTests {
    private static func time(_ seconds: Int64) -> Timestamp {
        Timestamp(nanosecondsSince1970: seconds * 1_000_000_000)
    }

    @Test(
        "a certificate is renewed at half its life, and when its times are wrong",
        arguments: [
            (1000, .keep(until: time(1500))), (1499, .keep(until: time(1500))), (1500, .renew(.halfLife)),
            (1999, .renew(.halfLife)), (2000, .renew(.expired)), (9000, .renew(.expired)),
            (999, .renew(.notYetGood)),
        ] as [(Int64, RenewalDecision)])
    func times(now: Int64, decision: RenewalDecision) {
        #expect(
            RenewalDecision(
                from: Self.time(1000), to: Self.time(2000), lifetime: .seconds(990), now: Self.time(now))
                == decision)
    }

    @Test("one that is good for longer than is wanted is replaced")
    func tooLong() {
        let now = Self.time(1000)
        #expect(
            RenewalDecision(from: now, to: Self.time(5000), lifetime: .seconds(3600), now: now)
                == .renew(.goodForTooLong))
        let always = (Timestamp(nanosecondsSince1970: .min), Timestamp(nanosecondsSince1970: .max))
        #expect(
            RenewalDecision(from: always.0, to: always.1, lifetime: .seconds(3600), now: now)
                == .renew(.goodForTooLong))
    }

    @Test("one that is not of the present authority, or not whole, is replaced")
    func authority() throws {
        let bundle = try SecretsBundle(yaml: SecretsFixture.yaml, source: "")
        let now = TalosClientConfigurationTests.now
        let configuration = try TalosClientConfiguration.make(
            bundle, clusterName: "a", endpoints: [], at: now, lifetime: .seconds(1000))
        let client = try #require(configuration.current).client
        func decision(_ client: KeyAndCertificate, _ authority: [UInt8]) -> RenewalDecision {
            RenewalDecision(client: client, authority: authority, lifetime: .seconds(1000), now: now)
        }
        #expect(decision(client, bundle.os.crt) == .keep(until: now + .seconds(350)))
        #expect(decision(client, bundle.etcd.crt) == .renew(.otherAuthority))
        let other = try SecretsBundle.generate(for: TalosVersion(minor: 6), at: now)
        #expect(decision(client, other.os.crt) == .renew(.otherAuthority))
        #expect(decision(client, []) == .renew(.unreadable))
        #expect(decision(KeyAndCertificate(crt: client.crt), bundle.os.crt) == .renew(.unreadable))
        #expect(
            decision(KeyAndCertificate(crt: client.crt, key: bundle.os.key), bundle.os.crt)
                == .renew(.unreadable))
        #expect(decision(KeyAndCertificate(), bundle.os.crt) == .renew(.unreadable))
    }
}
