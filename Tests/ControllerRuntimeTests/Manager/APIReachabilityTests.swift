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

    private func request(_ code: Int?, took duration: Duration = .zero) -> RequestObservation {
        RequestObservation(
            verb: .get, method: "GET", host: "api:6443", resource: "widgets", statusCode: code,
            duration: duration)
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

    @Test("a request that waited in vain counts from when it was sent, or the last answer if that came later")
    func silence() {
        let (silent, answering) = (APIReachability(clock: clock), APIReachability(clock: clock))
        silent.observe(request(200))
        clock.advance(by: .seconds(3600))
        answering.observe(request(200))
        for api in [silent, answering] { api.observe(request(nil, took: .seconds(20))) }
        clock.advance(by: .seconds(11))
        #expect(silent.health != .healthy)
        #expect(answering.health == .healthy)
        clock.advance(by: .seconds(20))
        #expect(answering.health != .healthy)
    }
}
