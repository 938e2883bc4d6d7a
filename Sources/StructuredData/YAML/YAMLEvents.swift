// SPDX-License-Identifier: Apache-2.0
import CYAML

/// What libyaml finds next in a text.
enum YAMLEvent {
    struct Scalar {
        var text: String
        var isPlain: Bool
    }

    case streamStart
    case streamEnd
    case documentStart
    case documentEnd
    case alias(String)
    case scalar(Scalar, YAMLProperties)
    case sequenceStart(YAMLProperties)
    case sequenceEnd
    case mappingStart(YAMLProperties)
    case mappingEnd
}

/// What may stand before a node: `&anchor` and `!tag`.
struct YAMLProperties {
    var anchor: String?
    /// The tag in full, as `tag:yaml.org,2002:str`; nil if there is none.
    var tag: String?
}

/// libyaml's parser over a buffer that outlives it.
struct YAMLEvents: ~Copyable {
    // libyaml keeps pointers into its parser, so it must not move.
    private let parser: UnsafeMutablePointer<yaml_parser_t>
    private let bytes: UnsafeBufferPointer<UInt8>
    /// Where the last event began.
    private(set) var position = YAMLPosition()

    init(_ bytes: UnsafeBufferPointer<UInt8>) throws(YAMLError) {
        self.bytes = bytes
        parser = .allocate(capacity: 1)
        parser.initialize(to: yaml_parser_t())
        guard yaml_parser_initialize(parser) == 1 else { throw YAMLError(.outOfMemory, position) }
        yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
        yaml_parser_set_input_string(parser, bytes.baseAddress, bytes.count)
    }

    deinit {
        yaml_parser_delete(parser)
        parser.deallocate()
    }

    mutating func next() throws(YAMLError) -> YAMLEvent {
        var event = yaml_event_t()
        guard yaml_parser_parse(parser, &event) == 1 else { throw failure() }
        defer { yaml_event_delete(&event) }
        position = YAMLPosition(event.start_mark)
        return Self.event(event)
    }

    private static func event(_ event: yaml_event_t) -> YAMLEvent {
        switch event.type {
        case YAML_STREAM_START_EVENT: .streamStart
        case YAML_DOCUMENT_START_EVENT: .documentStart
        case YAML_DOCUMENT_END_EVENT: .documentEnd
        case YAML_ALIAS_EVENT: .alias(text(event.data.alias.anchor) ?? "")
        case YAML_SCALAR_EVENT: scalar(event.data.scalar)
        case YAML_SEQUENCE_START_EVENT:
            .sequenceStart(properties(event.data.sequence_start.anchor, event.data.sequence_start.tag))
        case YAML_SEQUENCE_END_EVENT: .sequenceEnd
        case YAML_MAPPING_START_EVENT:
            .mappingStart(properties(event.data.mapping_start.anchor, event.data.mapping_start.tag))
        case YAML_MAPPING_END_EVENT: .mappingEnd
        default: .streamEnd
        }
    }

    private static func scalar(_ scalar: yaml_event_t.__Unnamed_union_data.__Unnamed_struct_scalar)
        -> YAMLEvent
    {
        let text = String(
            decoding: UnsafeBufferPointer(start: scalar.value, count: scalar.length), as: UTF8.self)
        let isPlain = scalar.style == YAML_PLAIN_SCALAR_STYLE
        return .scalar(YAMLEvent.Scalar(text: text, isPlain: isPlain), properties(scalar.anchor, scalar.tag))
    }

    private static func properties(
        _ anchor: UnsafeMutablePointer<yaml_char_t>?, _ tag: UnsafeMutablePointer<yaml_char_t>?
    ) -> YAMLProperties {
        YAMLProperties(anchor: text(anchor), tag: text(tag))
    }

    private static func text(_ characters: UnsafeMutablePointer<yaml_char_t>?) -> String? {
        characters.map { String(cString: $0) }
    }

    private func failure() -> YAMLError {
        let state = parser.pointee
        let problem = state.problem.map { String(cString: $0) } ?? "malformed"
        switch state.error {
        case YAML_MEMORY_ERROR: return YAMLError(.outOfMemory, position)
        case YAML_READER_ERROR:
            return YAMLError(.invalidCharacter(problem), position(of: state.problem_offset))
        default:
            let context = state.context.map { " " + String(cString: $0) } ?? ""
            return YAMLError(.syntax(problem + context), YAMLPosition(state.problem_mark))
        }
    }

    /// libyaml knows the offset alone of a byte that it cannot read.
    private func position(of offset: Int) -> YAMLPosition {
        let before = bytes.prefix(offset)
        let lineStart = before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
        return YAMLPosition(
            line: 1 + before.count { $0 == UInt8(ascii: "\n") }, column: 1 + before.count - lineStart)
    }
}

extension YAMLPosition {
    fileprivate init(_ mark: yaml_mark_t) {
        self.init(line: Int(mark.line) + 1, column: Int(mark.column) + 1)
    }
}
