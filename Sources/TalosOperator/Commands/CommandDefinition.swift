// SPDX-License-Identifier: Apache-2.0

/// One command of the program: what help, the parser and the documents know of it.
struct CommandDefinition: Sendable {
    /// The words that call it, such as `secrets generate`.
    let name: String
    /// What follows them, as in `FILE…`; empty if nothing does.
    var operands = ""
    /// What it does, as part of a sentence.
    let summary: String
    /// More about it, in sentences.
    let details: String
    var options: [CommandOption] = []
    /// How many operands it takes.
    var operandCount: ClosedRange<Int> = 0...0
    /// Makes the command of what was given.
    let make: @Sendable (CommandArguments) throws(UsageError) -> Command

    /// The first of its words.
    var topic: String { String(name.prefix { $0 != " " }) }

    /// How it is called, without its options.
    var usage: String { operands.isEmpty ? name : "\(name) \(operands)" }
}

/// An option of a command.
struct CommandOption: Sendable {
    /// What stands behind it.
    enum Value: Sendable, Hashable {
        /// It is a switch.
        case none
        case required(String)
        /// It may be there, unless it begins with a dash.
        case optional(String)
    }

    /// Without dashes; the last one is the name that messages use.
    let names: [String]
    var value: Value = .none
    let help: String

    var name: String { names.last ?? "" }

    /// As the help shows it: `-o, --output-dir DIR`.
    var synopsis: String {
        let flags = names.map { $0.count == 1 ? "-\($0)" : "--\($0)" }.joined(separator: ", ")
        return switch value {
        case .none: flags
        case .required(let placeholder): "\(flags) \(placeholder)"
        case .optional(let placeholder): "\(flags) [\(placeholder)]"
        }
    }
}

/// What was given to a command, sorted by its options.
struct CommandArguments: Sendable {
    /// What stands there without an option.
    private(set) var operands: [String] = []
    private var values: [String: [String]] = [:]

    /// Reads arguments by a command's definition.
    ///
    /// - Throws: `UsageError` for an unknown option, a missing value, too few or too many operands.
    init(_ arguments: ArraySlice<String>, of command: CommandDefinition) throws(UsageError) {
        var flags = FlagReader(arguments)
        while let flag = flags.nextFlag() {
            guard case .flag(let name) = flag else {
                if case .other(let text) = flag { operands.append(text) }
                continue
            }
            guard let option = command.options.first(where: { $0.names.contains(name) }) else {
                throw UsageError(
                    "\(command.name): unknown argument \(flag): see talos-operator \(command.topic) --help")
            }
            switch option.value {
            case .none: values[option.name, default: []].append(flags.attachedValue ?? "true")
            case .required: values[option.name, default: []].append(try flags.value(of: flag))
            case .optional: values[option.name, default: []].append(flags.optionalValue() ?? "")
            }
        }
        guard operands.count <= command.operandCount.upperBound else {
            let extra = operands[command.operandCount.upperBound]
            throw UsageError(
                "\(command.name): unknown argument \"\(extra)\": see talos-operator \(command.topic) --help")
        }
        guard operands.count >= command.operandCount.lowerBound else {
            throw UsageError("\(command.name): \(command.operands) is missing")
        }
    }

    /// All values of an option, in their order.
    func all(_ name: String) -> [String] { values[name] ?? [] }

    /// The value of an option, of which the last one counts; nil if it was not given.
    func value(_ name: String) -> String? { values[name]?.last }

    /// Whether a switch is on.
    ///
    /// - Throws: `UsageError` for a value such as `--force=maybe`.
    func isOn(_ name: String) throws(UsageError) -> Bool {
        switch value(name) {
        case nil, "false": return false
        case "true": return true
        case let text?: throw UsageError("--\(name): \"\(text)\" is not allowed: must be true or false")
        }
    }

    /// A value that is one of several.
    func choice<Choice: RawRepresentable & CaseIterable>(
        _ name: String, default fallback: Choice
    ) throws(UsageError) -> Choice where Choice.RawValue == String {
        try choice(name) ?? fallback
    }

    /// A value that is one of several; nil if it was not given.
    func choice<Choice: RawRepresentable & CaseIterable>(
        _ name: String
    ) throws(UsageError) -> Choice? where Choice.RawValue == String {
        guard let text = value(name) else { return nil }
        if let choice = Choice(rawValue: text) { return choice }
        let allowed = Choice.allCases.map(\.rawValue).joined(separator: ", ")
        throw UsageError("--\(name): \"\(text)\" is not allowed: must be one of \(allowed)")
    }
}
