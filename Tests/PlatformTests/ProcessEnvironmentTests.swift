// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Platform

@Suite("ProcessEnvironment")
struct ProcessEnvironmentTests {
    @Test("has what the process was started with, values with equals signs too")
    func variables() throws {
        let started = try FileSystem.read("/proc/self/environ", limit: 1 << 20).split(separator: 0)
        let variables = ProcessEnvironment.variables
        #expect(!started.isEmpty)
        for entry in started {
            let text = String(decoding: entry, as: UTF8.self)
            let equals = try #require(text.firstIndex(of: "="))
            let value = variables[String(text[..<equals])]
            #expect(value == String(text[text.index(after: equals)...]), "\(text[..<equals])")
        }
    }
}
