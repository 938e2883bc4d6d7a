// SPDX-License-Identifier: Apache-2.0
import StructuredData

/// Takes the `$patch: delete` markers out of a document of a layer.
///
/// With a marker goes what it stands in, and whatever is empty because of that, up to the document itself.
struct DeleteMarkers {
    /// What of the document is left without the markers; nil for nothing that could be merged.
    private(set) var rest: YAMLNode?
    private(set) var selectors: [DeleteSelector] = []
    /// What is wrong with markers, without source and document.
    private(set) var problems: [ConfigProblem] = []

    private let origin: Origin

    /// Reads a document; `origin` tells its layer and its number there.
    init(_ document: YAMLNode, origin: Origin) {
        self.origin = origin
        let left = Self.isMarked(document) ? take(document, at: [], isElement: false) : document
        rest = left.flatMap { isIdentityAlone($0) ? nil : $0 }
    }

    /// Whether there is a marker in a value.
    static func isMarked(_ node: YAMLNode) -> Bool {
        switch node.content {
        case .scalar: false
        case .list(let elements): elements.contains(where: isMarked)
        case .map(let members): members.contains { isMarker($0) || isMarked($0.value) }
        }
    }

    private static func isMarker(_ member: YAMLNode.Member) -> Bool {
        guard member.key == "$patch", case .scalar(let scalar) = member.value.content else { return false }
        return scalar.text == "delete"
    }

    /// What is left of a value; nil if it has to go.
    private mutating func take(_ node: YAMLNode, at steps: [ConfigPath.Step], isElement: Bool) -> YAMLNode? {
        switch node.content {
        case .scalar: return node
        case .list(let elements):
            var rest: [YAMLNode] = []
            for (place, element) in elements.enumerated() {
                if let left = take(element, at: steps + [.index(place)], isElement: true) {
                    rest.append(left)
                }
            }
            return rest.isEmpty && !elements.isEmpty ? nil : YAMLNode(.list(rest), line: node.line)
        case .map(let members):
            if let marker = members.first(where: Self.isMarker) {
                mark(steps, line: marker.keyLine, element: isElement ? members : nil)
                return nil
            }
            var rest: [YAMLNode.Member] = []
            for member in members {
                guard let left = take(member.value, at: steps + [.key(member.key)], isElement: false) else {
                    continue
                }
                rest.append(YAMLNode.Member(key: member.key, keyLine: member.keyLine, value: left))
            }
            return rest.isEmpty && !members.isEmpty ? nil : YAMLNode(.map(rest), line: node.line)
        }
    }

    /// Notes what a marker deletes; `element` is what stands beside it in a list.
    private mutating func mark(_ steps: [ConfigPath.Step], line: Int, element: [YAMLNode.Member]?) {
        let place = Origin(layer: origin.layer, document: origin.document, line: UInt32(clamping: line))
        var selector = DeleteSelector(steps: steps, origin: place)
        if let element {
            guard let field = element.first(where: { !Self.isMarker($0) }) else {
                return report("no key:val found in sequence node: tell which element to delete", selector)
            }
            var text = ""
            if case .scalar(let scalar) = field.value.content { text = scalar.text }
            selector.match = DeleteSelector.Match(key: field.key, value: text)
        } else if steps.contains(where: { if case .index = $0 { true } else { false } }) {
            return report(
                "cannot delete an inner key in '\(selector.pathText)', an element of a list", selector)
        }
        selectors.append(selector)
    }

    private mutating func report(_ problem: String, _ selector: DeleteSelector) {
        let line = Int(selector.origin.line)
        problems.append(
            ConfigProblem(
                line: line == 0 ? nil : line, path: selector.path, problem: "$patch: delete: " + problem))
    }

    /// Whether a document says no more than which one it is, so that there is nothing to merge.
    ///
    /// Without a marker such a document can mean something: it is added if there is none.
    private func isIdentityAlone(_ document: YAMLNode) -> Bool {
        guard case .map(let members) = document.content else { return false }
        let keys = selectors.isEmpty ? ["version"] : ["version", "apiVersion", "kind", "name"]
        return members.allSatisfy { keys.contains($0.key) }
    }
}
