// SPDX-License-Identifier: Apache-2.0
import HTTP
import StructuredData

extension KubernetesClient {
    /// Reads one object from the server, never from a cache.
    package func get<R: Resource>(_ type: R.Type, _ key: ObjectKey) async throws(APIError) -> R {
        try decode(try await send(.get(R.definition, key)))
    }

    /// Reads one page of a list; an item that cannot be read is reported and does not spoil the page.
    ///
    /// - `limit`: most items in the page; 0 for all that there are.
    /// - `continueToken`: from the page before.
    /// - `resourceVersion`: nil for the newest state, `0` for any, else a state not older than this.
    package func page<R: Resource>(
        _ type: R.Type, _ selection: ObjectSelection = ObjectSelection(), limit: Int = 500,
        continueToken: String = "", resourceVersion: ResourceVersion? = nil
    ) async throws(APIError) -> ResourcePage<R> {
        let response = try await send(
            .list(
                R.definition, selection, limit: limit, continueToken: continueToken,
                resourceVersion: resourceVersion))
        return try ResourcePage(list: try document(response))
    }

    /// Reads a whole list, page by page, as it was at one moment.
    ///
    /// If the server forgets that moment between two pages, it begins again; if that happens twice, it asks for
    /// everything at once. The token with which a server offers to go on at a later moment is not used.
    package func list<R: Resource>(
        _ type: R.Type, _ selection: ObjectSelection = ObjectSelection(), limit: Int = 500,
        resourceVersion: ResourceVersion? = nil
    ) async throws(APIError) -> ResourcePage<R> {
        for _ in 0..<2 {
            if let list = try await pages(type, selection, limit: limit, resourceVersion) { return list }
        }
        return try await page(type, selection, limit: 0, resourceVersion: resourceVersion)
    }

    /// Nil if a page other than the first has expired.
    private func pages<R: Resource>(
        _ type: R.Type, _ selection: ObjectSelection, limit: Int, _ resourceVersion: ResourceVersion?
    ) async throws(APIError) -> ResourcePage<R>? {
        var list = try await page(type, selection, limit: limit, resourceVersion: resourceVersion)
        while !list.continueToken.isEmpty {
            let next: ResourcePage<R>
            do {
                next = try await page(type, selection, limit: limit, continueToken: list.continueToken)
            } catch  where error.isExpired {
                return nil
            }
            guard next.continueToken != list.continueToken else {
                throw .undecodable("the server gave the same continue token twice for \(R.definition.plural)")
            }
            list.items += next.items
            list.undecodable += next.undecodable
            list.continueToken = next.continueToken
        }
        return list
    }

    func decode<R: Resource>(_ response: HTTPResponse) throws(APIError) -> R {
        try decode(try document(response))
    }

    func decode<R: Resource>(_ document: JSONValue) throws(APIError) -> R {
        do {
            return try R(document)
        } catch {
            let identity = ObjectIdentity(of: document)
            throw .undecodable(
                "\(R.definition.kind) \(identity.key?.description ?? "without name"): \(error)")
        }
    }

    /// The body as JSON, without managedFields.
    func document(_ response: HTTPResponse) throws(APIError) -> JSONValue {
        var parser = JSONParser(dropping: [.managedFields])
        do {
            return try parser.parse(response.body)
        } catch {
            let type = response.head.headers["Content-Type"] ?? "no content type"
            // What was meant to be JSON may be a Secret; anything else is a page of a proxy, which says what it is.
            let isObject = response.body.first == UInt8(ascii: "{")
            let excerpt = isObject ? "" : "; \(APIStatus.excerpt(of: response.body))"
            throw .undecodable("the answer is not JSON (\(type)): \(error)\(excerpt)")
        }
    }
}

extension ResourcePage {
    /// Reads the items of a list document one by one.
    init(list document: JSONValue) throws(APIError) {
        guard let object = document.object, object["kind"]?.string?.hasSuffix("List") == true else {
            let kind = document["kind"]?.string ?? document.kindDescription
            throw .undecodable("the server answered a list of \(R.definition.plural) with \(kind)")
        }
        self.init(
            items: [], resourceVersion: ResourceVersion(object["metadata"]?["resourceVersion"]?.string ?? ""),
            continueToken: object["metadata"]?["continue"]?.string ?? "")
        let remaining = object["metadata"]?["remainingItemCount"]?.integer.flatMap { Int(exactly: $0) }
        self.remaining = continueToken.isEmpty ? 0 : remaining
        let values = object["items"]?.array ?? []
        items.reserveCapacity(values.count)
        for (index, value) in values.enumerated() {
            do {
                items.append(try R(value))
            } catch {
                let key = ObjectIdentity(of: value).key?.description ?? "item \(index)"
                undecodable.append(DecodingProblem(path: "\(key): \(error.path)", problem: error.problem))
            }
        }
    }
}
