// SPDX-License-Identifier: Apache-2.0
import ControllerRuntime
import HTTP
import Observability
import Platform

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

    /// `/metrics` in the format that the scraper prefers, by HTTPS if there is a certificate, and only for those
    /// whom `authorizer` allows.
    static func metrics(
        _ registry: MetricRegistry, on address: BindAddress, certificate: ServerCertificate? = nil,
        authorizer: TokenAuthorizer? = nil, clock: any Clock = SystemClock()
    ) -> HTTPServer {
        let configuration = HTTPServerConfiguration(address: address, limits: .affordable)
        return HTTPServer(configuration, clock: clock, certificate: certificate) { request, pending in
            guard request.path == "/metrics" else { return .notFound }
            let format = ExpositionFormat.negotiated(accept: request.headers["Accept"])
            guard let authorizer else { return .page(of: registry, format) }
            guard let token = BearerToken.token(in: request.headers) else { return .unauthorized }
            let answer: @Sendable (AccessDecision) -> ServerResponse = { decision in
                .refusal(by: decision) ?? .page(of: registry, format)
            }
            let decision = authorizer.decide(token) { pending.resume(returning: answer($0)) }
            return decision.map(answer)
        }
    }
}

/// The token of a request (RFC 6750 §2.1).
enum BearerToken {
    /// Nil unless there is exactly one.
    static func token(in headers: HTTPHeaders) -> String? {
        let fields = headers.values(of: "Authorization")
        guard fields.count == 1, let field = fields.first else { return nil }
        let words = field.split(separator: " ", maxSplits: 1)
        guard words.count == 2, words[0].lowercased() == "bearer" else { return nil }
        let token = words[1].drop { $0 == " " }
        // Visible ASCII: every kind of token that Kubernetes knows is of it.
        guard !token.isEmpty, token.utf8.allSatisfy({ (33...126).contains($0) }) else { return nil }
        return String(token)
    }
}

extension ServerResponse {
    fileprivate static let notFound = ServerResponse.text(404, "404 page not found\n")

    fileprivate static func page(of registry: MetricRegistry, _ format: ExpositionFormat) -> ServerResponse {
        ServerResponse(
            status: 200, headers: ["Content-Type": format.contentType], body: registry.render(format))
    }

    fileprivate static let unauthorized = challenge("401 Unauthorized: a bearer token is needed\n", "Bearer")

    /// What to answer instead of the page; nil if that is allowed.
    ///
    /// What went wrong is for the log alone.
    fileprivate static func refusal(by decision: AccessDecision) -> ServerResponse? {
        switch decision {
        case .allowed: nil
        case .unauthenticated:
            challenge("401 Unauthorized: the token is not good\n", "Bearer error=\"invalid_token\"")
        case .forbidden: .text(403, "403 Forbidden: no role allows to get /metrics\n")
        case .unavailable:
            .text(503, "503 Service Unavailable: the API server cannot be asked about the token now\n")
        case .failed:
            .text(
                500, "500 Internal Server Error: the API server does not answer about tokens; see the log\n")
        }
    }

    private static func challenge(_ text: String, _ challenge: String) -> ServerResponse {
        var response = ServerResponse.text(401, text)
        response.headers["WWW-Authenticate"] = challenge
        return response
    }
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
