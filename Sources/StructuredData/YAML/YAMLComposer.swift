// SPDX-License-Identifier: Apache-2.0

/// Makes values of libyaml's events.
struct YAMLComposer<Value: YAMLValue>: ~Copyable {
    private typealias Members = YAMLMembers<Value>

    /// A value with what it took.
    private struct Node {
        var value: Value
        var extent: Extent
    }

    /// How much a value holds.
    private struct Extent {
        /// Keys and values in it, itself included.
        var count = 1
        /// Levels of lists and mappings in it.
        var height = 0
        /// Bytes of the text of its keys and values.
        var bytes = 0

        mutating func add(_ part: Extent) {
            count += part.count
            height = max(height, part.height)
            bytes += part.bytes
        }
    }

    private var events: YAMLEvents
    private let limits: YAMLLimits
    private var anchors: [String: Node] = [:]
    private var count = 0
    /// What aliases stand for, in bytes of text.
    private var aliasedBytes = 0

    private init(_ bytes: UnsafeBufferPointer<UInt8>, _ limits: YAMLLimits) throws(YAMLError) {
        events = try YAMLEvents(bytes)
        self.limits = limits
    }

    /// Reads all documents of a text.
    static func documents(_ bytes: [UInt8], _ limits: YAMLLimits) throws(YAMLError) -> [Value] {
        let result = bytes.withUnsafeBufferPointer { buffer in
            Result { () throws(YAMLError) in
                var composer = try YAMLComposer(buffer, limits)
                return try composer.documents()
            }
        }
        return try result.get()
    }

    private mutating func documents() throws(YAMLError) -> [Value] {
        var documents: [Value] = []
        while true {
            switch try events.next() {
            case .streamStart, .documentEnd: continue
            case .documentStart:
                anchors = [:]  // An anchor is good for its own document.
                documents.append(try node(try events.next(), depth: 0).value)
            default: return documents
            }
        }
    }

    /// Reads the node that begins with `event`, below `depth` lists and mappings.
    private mutating func node(_ event: YAMLEvent, depth: Int) throws(YAMLError) -> Node {
        switch event {
        case .alias(let name): return try alias(name, depth: depth)
        case .scalar(let scalar, let properties):
            let value = try self.scalar(scalar, properties.tag)
            let extent = Extent(bytes: scalar.text.utf8.count)
            return try finish(Node(value: value, extent: extent), properties)
        case .sequenceStart(let properties):
            try check(properties.tag, is: "seq")
            return try finish(try sequence(depth: depth + 1), properties)
        case .mappingStart(let properties):
            try check(properties.tag, is: "map")
            return try finish(try mapping(depth: depth + 1), properties)
        default: throw fault(.syntax("a value is missing"))
        }
    }

    private mutating func finish(_ node: Node, _ properties: YAMLProperties) throws(YAMLError) -> Node {
        try count(1)
        if let anchor = properties.anchor { anchors[anchor] = node }
        return node
    }

    private mutating func alias(_ name: String, depth: Int) throws(YAMLError) -> Node {
        guard let node = anchors[name] else { throw fault(.unknownAnchor(name)) }
        try check(depth: depth + node.extent.height)
        try count(node.extent.count)
        try repeatText(node)
        return node
    }

    private mutating func sequence(depth: Int) throws(YAMLError) -> Node {
        try check(depth: depth)
        let line = events.position.line
        var elements: [Value] = []
        var total = Extent()
        while true {
            let event = try events.next()
            if case .sequenceEnd = event { break }
            let element = try node(event, depth: depth)
            elements.append(element.value)
            total.add(element.extent)
        }
        total.height += 1
        return Node(value: Value(elements: elements, line: line), extent: total)
    }

    private mutating func mapping(depth: Int) throws(YAMLError) -> Node {
        try check(depth: depth)
        let line = events.position.line
        var members = Members()
        var total = Extent()
        while true {
            let event = try events.next()
            if case .mappingEnd = event { break }
            let position = events.position
            let key = try key(event)
            try members.claim(key, at: position)
            let valueEvent = try events.next()
            let valuePosition = events.position
            let value = try node(valueEvent, depth: depth)
            try members.add(value.value, for: key, keyLine: position.line, at: valuePosition)
            total.add(value.extent)
            total.add(Extent(bytes: key.text.utf8.count))
        }
        total.height += 1
        return Node(value: Value(members: members.all(), line: line), extent: total)
    }

    private mutating func key(_ event: YAMLEvent) throws(YAMLError) -> Members.Key {
        try count(1)
        switch event {
        case .alias(let name):
            guard let node = anchors[name] else { throw fault(.unknownAnchor(name)) }
            try repeatText(node)
            return .member(try keyText(node.value))
        case .scalar(let scalar, let properties):
            if scalar.isPlain, scalar.text == "<<", properties.tag == nil { return .merge }
            let value = try self.scalar(scalar, properties.tag)
            let text = try keyText(value)
            if let anchor = properties.anchor {
                anchors[anchor] = Node(value: value, extent: Extent(bytes: scalar.text.utf8.count))
            }
            return .member(text)
        default: throw fault(.unusableKey)
        }
    }

    private func keyText(_ value: Value) throws(YAMLError) -> String {
        guard let text = value.keyText else { throw fault(.unusableKey) }
        return text
    }

    private func scalar(_ scalar: YAMLEvent.Scalar, _ tag: String?) throws(YAMLError) -> Value {
        do throws(YAMLError.Problem) {
            return try Value(scalar, tag: tag, line: events.position.line)
        } catch {
            throw fault(error)
        }
    }

    private func check(_ tag: String?, is expected: String) throws(YAMLError) {
        guard let tag, tag != "!", tag != YAMLScalar.tagPrefix + expected else { return }
        throw fault(.unsupportedTag(YAMLScalar.short(tag)))
    }

    private func check(depth: Int) throws(YAMLError) {
        if depth > limits.depth { throw fault(.tooDeep(limit: limits.depth)) }
    }

    private mutating func count(_ nodes: Int) throws(YAMLError) {
        count += nodes
        if count > limits.nodes { throw fault(.tooManyNodes(limit: limits.nodes)) }
    }

    /// Many aliases of one long text share it here, but not where the value is written out.
    private mutating func repeatText(_ node: Node) throws(YAMLError) {
        aliasedBytes += node.extent.bytes
        if aliasedBytes > limits.bytes { throw fault(.tooLarge(limit: limits.bytes)) }
    }

    private func fault(_ problem: YAMLError.Problem) -> YAMLError {
        YAMLError(problem, events.position)
    }
}
