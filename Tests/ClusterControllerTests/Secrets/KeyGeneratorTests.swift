// SPDX-License-Identifier: Apache-2.0
import Kubernetes
import PKI
import Talos
import TestSupport
import Testing

@testable import ClusterController

@Suite("The maker of keys", .timeLimit(.minutes(5)))
struct KeyGeneratorTests {
    private let one = ObjectKey(namespace: "default", name: "one")
    private let two = ObjectKey(namespace: "default", name: "two")
    private let version = TalosVersion(minor: 12)

    /// A generator of bundles that tell their number by their token.
    private func generator(_ called: Journal<ObjectKey>, made: Journal<TalosVersion>) -> KeyGenerator {
        KeyGenerator(
            clock: ManualClock(),
            make: { version, _ in
                made.append(version)
                var bundle = SecretsBundle()
                bundle.trustdToken = "\(made.entries.count)"
                return .success(bundle)
            }, notify: { called.append($0) })
    }

    private func token(_ answer: KeyGenerator.Answer) -> String? {
        if case .ready(let bundle) = answer { bundle.trustdToken } else { nil }
    }

    @Test("Who asks is told to come back, is called once, and gets the keys once")
    func takes() async {
        let (called, made) = (Journal<ObjectKey>(), Journal<TalosVersion>())
        let generator = generator(called, made: made)
        #expect(token(generator.take(for: one, version)) == nil)
        #expect(token(generator.take(for: one, version)) == nil)
        #expect(token(generator.take(for: two, version)) == nil)
        await generator.workOff()
        #expect(called.entries == [one, two] && made.entries.count == 2)
        #expect(token(generator.take(for: one, version)) == "1")
        #expect(token(generator.take(for: two, version)) == "2")
        #expect(token(generator.take(for: one, version)) == nil)
    }

    @Test("Keys for another version of Talos are other keys")
    func versions() async {
        let generator = generator(Journal(), made: Journal())
        _ = generator.take(for: one, TalosVersion(minor: 5))
        await generator.workOff()
        #expect(token(generator.take(for: one, version)) == nil)
        await generator.workOff()
        #expect(token(generator.take(for: one, version)) == "2")
    }

    @Test("What was asked for by a cluster that is gone is dropped, made or not")
    func forgets() async {
        let (called, made) = (Journal<ObjectKey>(), Journal<TalosVersion>())
        let generator = generator(called, made: made)
        _ = generator.take(for: one, version)
        generator.forget(one)
        await generator.workOff()
        #expect(made.entries.isEmpty && called.entries.isEmpty)
        _ = generator.take(for: two, version)
        await generator.workOff()
        generator.forget(two)
        #expect(token(generator.take(for: two, version)) == nil)
    }

    @Test("A failure is told once, and the next who asks has it tried again")
    func failure() async {
        let generator = KeyGenerator(
            clock: ManualClock(), make: { _, _ in .failure(.failed(operation: "o", reason: "r")) },
            notify: { _ in })
        _ = generator.take(for: one, version)
        await generator.workOff()
        guard case .failed = generator.take(for: one, version) else { return #expect(Bool(false)) }
        guard case .pending = generator.take(for: one, version) else { return #expect(Bool(false)) }
    }

    @Test("It works while it runs, and ends when it is closed")
    func runs() async throws {
        let (called, made) = (Journal<ObjectKey>(), Journal<TalosVersion>())
        let generator = generator(called, made: made)
        async let running: Void = generator.run()
        _ = generator.take(for: one, version)
        try await called.first { $0.name == "one" }
        generator.close()
        await running
        _ = generator.take(for: two, version)
        await generator.workOff()
        #expect(made.entries.count == 1)
    }
}
