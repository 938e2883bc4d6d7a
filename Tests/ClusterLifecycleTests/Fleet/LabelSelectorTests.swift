// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import ClusterLifecycle

@Suite("Label selectors")
struct LabelSelectorTests {
    private static let labels = ["tier": "canary", "region": "oslo", "example.com/empty": ""]

    @Test(
        "A selector selects what Kubernetes would",
        arguments: [
            ("", true), ("  ", true), ("tier=canary", true), ("tier==canary", true),
            (" tier = canary ", true),
            ("tier=prod", false), ("tier!=prod", true), ("tier!=canary", false), ("zone!=a", true),
            ("zone=a", false), ("tier", true), ("zone", false), ("!zone", true), ("! zone", true),
            ("!tier", false), ("region in (oslo, bergen)", true), ("region in (bergen)", false),
            ("region notin (bergen)", true), ("region notin (oslo)", false), ("zone notin (a)", true),
            ("zone in (a)", false), ("tier=canary,region in (oslo,bergen),!zone", true),
            ("tier=canary,region=bergen", false), ("example.com/empty=", true), ("example.com/empty", true),
            ("example.com/empty in ()", true),
        ])
    func matches(text: String, isMatch: Bool) throws {
        let selector = try #require(LabelSelector(text))
        #expect(selector.matches(Self.labels) == isMatch)
        #expect(selector.description == text)
    }

    @Test(
        "What is no selector is refused",
        arguments: [
            ",", "a,", "a=b=c", "=a", "a=b c", "a b", "a in", "a in b", "a in (b", "a (b)", "a within (b)",
            "in (b)", "!", "!a b", "a!b", "a=b)",
        ])
    func refused(text: String) {
        #expect(LabelSelector(text) == nil)
    }
}
