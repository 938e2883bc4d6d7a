// SPDX-License-Identifier: Apache-2.0
import HTTP
import Kubernetes
import StructuredData
import TestSupport
import Testing

@Suite("Lists")
struct ListTests {
    private func names(_ page: ResourcePage<Gadget>) -> [String] {
        page.items.map(\.metadata.name)
    }

    @Test("reads one page with what leads to the next")
    func page() async throws {
        let fixture = ClientFixture(
            ScriptedTransport(.json(.gadgets([.gadget("a"), .gadget("b")], version: "9", next: "more"))))
        let page = try await fixture.client.page(Gadget.self, limit: 2, resourceVersion: "0")
        #expect(names(page) == ["a", "b"])
        #expect(page.resourceVersion == "9")
        #expect(page.continueToken == "more")
        #expect(fixture.transport.requests.first?.query("resourceVersion") == "0")
    }

    @Test(
        "what follows on later pages is counted if the server counts it",
        arguments: [(4, "more", 4), (nil, "more", nil), (nil, "", 0)])
    func remaining(told: Int64?, next: String, expected: Int?) async throws {
        var list = JSONValue.gadgets([.gadget("a")], version: "9", next: next)
        if let told {
            list = list.mergePatched(with: ["metadata": ["remainingItemCount": .integer(told)]])
        }
        let fixture = ClientFixture(ScriptedTransport(.json(list)))
        #expect(try await fixture.client.page(Gadget.self, limit: 1).remaining == expected)
    }

    @Test("an item that cannot be read does not spoil the page")
    func undecodableItem() async throws {
        let items: [JSONValue] = [.gadget("a"), .gadget("b", size: true), 7, .gadget("c")]
        let fixture = ClientFixture(ScriptedTransport(.json(.gadgets(items))))
        let page = try await fixture.client.page(Gadget.self)
        #expect(names(page) == ["a", "c"])
        #expect(
            page.undecodable.map(\.description) == [
                "ns/b: spec.size: must be a whole number, not a boolean", "item 2: metadata: is missing",
            ])
    }

    @Test("an empty list may leave its items out or give null", arguments: [JSONValue.null, []])
    func empty(items: JSONValue) async throws {
        let fixture = ClientFixture(
            ScriptedTransport(
                .json(["kind": "GadgetList", "metadata": ["resourceVersion": "1"], "items": items])))
        let page = try await fixture.client.page(Gadget.self)
        #expect(page.items.isEmpty)
        #expect(page.resourceVersion == "1")
    }

    @Test("a document that is no list is an error and not an empty list")
    func notAList() async {
        let fixture = ClientFixture(ScriptedTransport(.json(["kind": "Status", "status": "Success"])))
        let error = await apiError { () async throws(APIError) in try await fixture.client.page(Gadget.self) }
        #expect(error == .undecodable("the server answered a list of gadgets with Status"))
    }

    @Test("joins pages, keeps the version of the first, and sends no version with a token")
    func pages() async throws {
        let fixture = ClientFixture(
            ScriptedTransport(
                .json(.gadgets([.gadget("a")], version: "9", next: "t1")),
                .json(.gadgets([.gadget("b", size: "x")], version: "9", next: "t2")),
                .json(.gadgets([.gadget("c")], version: "9"))))
        let list = try await fixture.client.list(Gadget.self, resourceVersion: "5")
        #expect(names(list) == ["a", "c"])
        #expect(list.undecodable.count == 1)
        #expect(list.resourceVersion == "9")
        #expect(list.continueToken.isEmpty)
        #expect(fixture.transport.requests.map { $0.query("continue") } == [nil, "t1", "t2"])
        #expect(fixture.transport.requests.map { $0.query("resourceVersion") } == ["5", nil, nil])
        #expect(
            fixture.transport.requests.map { $0.query("resourceVersionMatch") } == ["NotOlderThan", nil, nil])
    }

    @Test("begins again once when the server forgets the moment between two pages")
    func expiredOnce() async throws {
        let fixture = ClientFixture(
            ScriptedTransport(
                .json(.gadgets([.gadget("old")], version: "1", next: "t1")), .failure(410, reason: "Expired"),
                .json(.gadgets([.gadget("a")], version: "2", next: "t2")),
                .json(.gadgets([.gadget("b")], version: "2"))))
        let list = try await fixture.client.list(Gadget.self)
        #expect(names(list) == ["a", "b"])
        #expect(list.resourceVersion == "2")
    }

    @Test("asks for everything at once when that happens again")
    func expiredForEver() async throws {
        let transport = ScriptedTransport { request in
            if request.query("continue") != nil { return .failure(410, reason: "Expired") }
            let next = request.query("limit") == nil ? "" : "token"
            return .json(.gadgets([.gadget("a")], version: "3", next: next))
        }
        let list = try await ClientFixture(transport).client.list(Gadget.self)
        #expect(names(list) == ["a"])
        #expect(transport.requests.map { $0.query("limit") } == ["500", "500", "500", "500", nil])
    }

    @Test("a first page that has expired is the caller's to know")
    func expiredFirstPage() async {
        let fixture = ClientFixture(ScriptedTransport(.failure(410, reason: "Expired")))
        let error = await apiError { () async throws(APIError) in try await fixture.client.list(Gadget.self) }
        #expect(error?.isExpired == true)
        #expect(fixture.transport.requests.count == 1)
    }

    @Test("does not follow a token that leads in a circle")
    func circle() async {
        let transport = ScriptedTransport { _ in .json(.gadgets([.gadget("a")], next: "again")) }
        let error = await apiError { () async throws(APIError) in
            try await ClientFixture(transport).client.list(Gadget.self)
        }
        #expect(error == .undecodable("the server gave the same continue token twice for gadgets"))
    }
}
