// SPDX-License-Identifier: Apache-2.0
import ControllerRuntime
import HTTP
import Observability

/// The HTTP endpoints: probes on one port, metrics on another, so that neither can starve the other.
enum Endpoints {
    /// `/healthz`, `/readyz` and one path below them for each check.
    static func probes(_ checks: HealthChecks, on address: BindAddress) -> HTTPServer {
        HTTPServer(HTTPServerConfiguration(address: address, limits: .affordable)) { request in
            let query = request.query.map { ($0.name, $0.value) }
            guard let report = checks.report(path: request.path, query: query) else { return .notFound }
            return .text(report.statusCode, report.body)
        }
    }

    /// `/metrics` in the format that the scraper prefers, by HTTPS if there is a certificate.
    static func metrics(
        _ registry: MetricRegistry, on address: BindAddress, certificate: ServerCertificate? = nil
    ) -> HTTPServer {
        let configuration = HTTPServerConfiguration(address: address, limits: .affordable)
        return HTTPServer(configuration, certificate: certificate) { request in
            guard request.path == "/metrics" else { return .notFound }
            let format = ExpositionFormat.negotiated(accept: request.headers["Accept"])
            return ServerResponse(
                status: 200, headers: ["Content-Type": format.contentType], body: registry.render(format))
        }
    }
}

extension ServerResponse {
    fileprivate static let notFound = ServerResponse.text(404, "404 page not found\n")
}

extension Runnable {
    /// A server that has been started; it serves until it is cancelled.
    init(_ name: String, _ server: HTTPServer) {
        self.init(name: name) {
            await Gate().wait()
            await server.stop()
        }
    }
}
