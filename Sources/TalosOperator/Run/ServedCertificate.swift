// SPDX-License-Identifier: Apache-2.0
import HTTP
import Observability
import Platform

/// What is told about the certificates that the operator serves with.
enum CertificateMetricTable {
    static let expiry = MetricDefinition.gauge(
        "talos_operator_certificate_expiry_timestamp_seconds",
        help: "When the certificate that is served ends, in seconds since 1970.", labels: ["certificate"])
    static let reloadErrors = MetricDefinition.counter(
        "talos_operator_certificate_reload_errors_total",
        help: "Looks at the certificate's files that found no pair to serve with.", labels: ["certificate"])

    /// The whole table.
    static let definitions = [expiry, reloadErrors]
}

/// The certificate of one endpoint, with its metrics and log lines.
enum ServedCertificate {
    /// Declares the metrics, without series as long as there is no certificate.
    static func declareMetrics(in registry: MetricRegistry) {
        _ = registry.gauge(CertificateMetricTable.expiry)
        _ = registry.counter(CertificateMetricTable.reloadErrors)
    }

    /// Reads the certificate that `paths` name; `name` is what metrics and log lines call it.
    ///
    /// Rendering the metrics looks at the files, so an expiry that is scraped is never an old one.
    static func load(
        _ name: String, _ paths: KeyPairPaths, clock: any Clock, registry: MetricRegistry, logger: Logger
    ) throws(CertificateError) -> ServerCertificate {
        let errors = registry.counter(CertificateMetricTable.reloadErrors).labels(name)
        let logger = logger.with(["certificate": .string(name)])
        let certificate = try ServerCertificate(paths, clock: clock) { notice in
            switch notice {
            case .rotated(let expiry):
                logger.info("Certificate exchanged", ["notAfter": .string(text(ofTime: expiry))])
            case .kept(let error, let isNews):
                errors.increment()
                if isNews { logger.warning("Keeping the last certificate", ["reason": .describing(error)]) }
            }
        }
        let expiry = registry.gauge(CertificateMetricTable.expiry).labels(name)
        registry.onCollect { expiry.set(Double(certificate.expiry)) }
        return certificate
    }

    /// A time in seconds since 1970 as people read it; held at the year 2262, where `Timestamp` ends.
    private static func text(ofTime seconds: Int64) -> String {
        let (nanoseconds, isTooLate) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        return Timestamp(nanosecondsSince1970: isTooLate ? .max : nanoseconds).rfc3339()
    }
}
