// SPDX-License-Identifier: Apache-2.0
import Glibc
import Platform
import TestSupport
import Testing

extension FuzzTarget: CustomTestStringConvertible {
    var testDescription: String { name }
}

@Suite("Whatever comes in")
struct FuzzTests {
    @Test("what the corpus keeps breaks nothing", arguments: FuzzTarget.all)
    func corpus(target: FuzzTarget) async throws {
        let inputs = try Corpus.inputs(of: target)
        #expect(!inputs.isEmpty, "the corpus of \(target.name) is empty")
        for (name, bytes) in inputs {
            await check(target, bytes, "corpus file \(name)")
        }
    }

    @Test("what is made of it breaks nothing", arguments: FuzzTarget.all)
    func mutations(target: FuzzTarget) async throws {
        let (seed, count) = FuzzForm.current
        // A trap ends the process, and this line is what is left to repeat it by.
        print("fuzzing \(target.name) with FUZZ_SEED=\(seed), \(count) inputs")
        var mutator = Mutator(seed: seed, target, try Corpus.inputs(of: target).map(\.bytes))
        for round in 0..<count {
            await check(target, mutator.next(), "FUZZ_SEED=\(seed), round \(round)")
        }
    }

    private func check(_ target: FuzzTarget, _ bytes: [UInt8], _ origin: String) async {
        if FuzzForm.isTraced { print("\(target.name) \(origin): \(Base64.encode(bytes))") }
        do {
            try await target.run(bytes)
        } catch {
            Issue.record("\(target.name), \(origin), input \(Base64.encode(bytes)) in Base64: \(error)")
        }
    }
}

/// How much is tried: little by default, more with `FAULT_FORM=long`; `FUZZ_SEED` tries other inputs.
private enum FuzzForm {
    static var current: (seed: UInt64, count: Int) {
        let variables = ProcessEnvironment.variables
        return (
            variables["FUZZ_SEED"].flatMap { UInt64($0) } ?? 1,
            variables["FUZZ_COUNT"].flatMap { Int($0) } ?? (variables["FAULT_FORM"] == "long" ? 20_000 : 300)
        )
    }

    /// Prints each input before it is tried, with `FUZZ_TRACE=1`.
    static var isTraced: Bool { ProcessEnvironment.variables["FUZZ_TRACE"] == "1" }
}

/// The inputs that are kept: made by hand, or found.
private enum Corpus {
    static func inputs(of target: FuzzTarget) throws(FileError) -> [(name: String, bytes: [UInt8])] {
        var inputs: [(name: String, bytes: [UInt8])] = []
        let folder = "\(directory)/\(target.name)"
        for name in try FileSystem.list(folder) {
            inputs.append((name, try FileSystem.read("\(folder)/\(name)", limit: 1 << 20)))
        }
        return inputs
    }

    private static var directory: String {
        let file = "\(#filePath)"
        return file.prefix(file.utf8.count - "FuzzTests.swift".utf8.count) + "Corpus"
    }
}
