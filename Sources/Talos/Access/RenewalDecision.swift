// SPDX-License-Identifier: Apache-2.0
import PKI
package import Platform

/// Whether a client's certificate must be made anew.
package enum RenewalDecision: Sendable, Hashable {
    /// Why it must.
    package enum Reason: Sendable, Hashable {
        /// There is none, it cannot be read, or its key is not there or another's.
        case unreadable
        /// The present authority did not sign it.
        case otherAuthority
        /// It begins in the future: a clock was wrong when it was made, or is now.
        case notYetGood
        /// It is good for longer than is wanted now.
        case goodForTooLong
        /// More than half of its life is over.
        case halfLife
        /// It has ended.
        case expired
    }

    /// It is good, and to be looked at again at that time.
    case keep(until: Timestamp)
    case renew(Reason)

    /// Whether the certificate is good.
    package var keeps: Bool {
        if case .keep = self { true } else { false }
    }

    /// Decides for a certificate and its key.
    ///
    /// - Parameters:
    ///   - client: Both in PEM.
    ///   - authority: The certificate in PEM that must have signed it.
    ///   - lifetime: How long it may be good at most, some seconds for clocks aside.
    ///   - now: The present time.
    package init(client: KeyAndCertificate, authority: [UInt8], lifetime: Duration, now: Timestamp) {
        do throws(PKIError) {
            let certificate = try Certificate(pem: client.crt, what: "crt")
            let key = try PrivateKey(pem: client.key, what: "key")
            guard try certificate.matches(key) else {
                self = .renew(.unreadable)
                return
            }
            let signer = try Certificate(pem: authority, what: "ca")
            self =
                try certificate.isSigned(by: signer)
                ? Self(from: certificate.notBefore, to: certificate.notAfter, lifetime: lifetime, now: now)
                : .renew(.otherAuthority)
        } catch {
            self = .renew(.unreadable)
        }
    }

    /// Decides by its times alone.
    init(from start: Timestamp, to end: Timestamp, lifetime: Duration, now: Timestamp) {
        let life = end.nanosecondsSince1970.subtractingReportingOverflow(start.nanosecondsSince1970)
        let halfLife = start + .nanoseconds(life.overflow ? 0 : life.partialValue / 2)
        if now >= end {
            self = .renew(.expired)
        } else if now < start {
            self = .renew(.notYetGood)
        } else if life.overflow || .nanoseconds(life.partialValue) > lifetime + Self.tolerance {
            self = .renew(.goodForTooLong)
        } else {
            self = now < halfLife ? .keep(until: halfLife) : .renew(.halfLife)
        }
    }

    /// A certificate begins some time before it is made.
    private static let tolerance = ClientProfile.clockSlack + .seconds(60)
}
