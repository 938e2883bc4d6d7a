// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import HTTP

@Suite("Request target")
struct RequestTargetTests {
    private func target(_ text: String) -> RequestTarget? {
        RequestTarget(Array(text.utf8)[...])
    }

    @Test(
        "decodes the path",
        arguments: [
            ("/", "/"), ("/healthz/", "/healthz/"), ("/a%2Fb%20c+d", "/a/b c+d"),
            ("/gr%c3%bc%C3%9Fe", "/grüße"),
            ("//a//b", "//a//b"), ("/../x", "/../x"), ("http://h:80/p?q", "/p"), ("HTTP://h", "/"),
        ])
    func path(text: String, expected: String) {
        #expect(target(text)?.path == expected)
    }

    @Test(
        "decodes the query",
        arguments: [
            ("/", []), ("/?", []), ("/?&&", []), ("/?verbose", ["verbose="]),
            ("/?exclude=a&exclude=b+c%26d", ["exclude=a", "exclude=b c&d"]), ("/?a=b=c&=d", ["a=b=c", "=d"]),
            ("/?a?b=/", ["a?b=/"]),
        ])
    func query(text: String, expected: [String]) {
        #expect(target(text)?.query.map { "\($0.name)=\($0.value)" } == expected)
    }

    @Test(
        "refuses what is malformed",
        arguments: [
            "", "a", "*", "?a", "/a b", "/a#b", "/%", "/%4", "/%4g", "/%00", "/%ff", "/%c3", "/?%", "/?a=%ff",
            "/\u{7f}", "/é", "https://h/", "http:/a",
        ])
    func refusal(text: String) {
        #expect(target(text) == nil)
    }

    @Test("limits the number of query items")
    func limit() {
        let items = Array(repeating: "a=b", count: RequestTarget.queryItemLimit)
        #expect(target("/?" + items.joined(separator: "&"))?.query.count == items.count)
        #expect(target("/?" + (items + ["c"]).joined(separator: "&")) == nil)
    }
}
