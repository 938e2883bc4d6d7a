// SPDX-License-Identifier: Apache-2.0
import ControllerRuntime
import Observability
import Platform
import TestSupport
import Testing

@testable import Kubernetes

@Suite("API reachability")
struct APIReachabilityTests {
    private let clock = ManualClock()

    private func request(_ code: Int?) -> RequestObservation {
        RequestObservation(
            verb: .get, method: "GET", host: "api:6443", resource: "widgets", statusCode: code,
            duration: .zero)
    }

    @Test("before the first answer it is unhealthy")
    func start() {
        let api = APIReachability(clock: clock)
        #expect(api.health != .healthy)
        api.observe(request(nil))
        #expect(api.health != .healthy)
        api.observe(request(403))
        #expect(api.health == .healthy)
    }

    @Test("failures count after half a minute, and one answer ends them", arguments: [nil, 503])
    func failing(code: Int?) {
        let api = APIReachability(clock: clock)
        api.observe(request(200))
        clock.advance(by: .seconds(3600))
        api.observe(request(code))
        clock.advance(by: .seconds(30))
        api.observe(request(code))
        #expect(api.health == .healthy)
        clock.advance(by: .seconds(1))
        #expect(api.health != .healthy)
        api.observe(request(404))
        #expect(api.health == .healthy)
    }
}
