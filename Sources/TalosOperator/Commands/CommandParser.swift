// SPDX-License-Identifier: Apache-2.0

/// What the user asked for.
enum Command: Hashable, Sendable {
    case run(Settings)
    case render(RenderOptions)
    case secrets(SecretsOptions)
    case schematic(SchematicOptions)
    case diff(DiffOptions)
    case validate(ValidateOptions)
    case patch(PatchOptions)
    case importing(ImportOptions)
    case live(LiveOptions)
    case credential(CredentialOptions)
    case version
    case help(HelpTopic)
}

/// What help is about.
enum HelpTopic: Hashable, Sendable {
    case program
    case run
    /// The commands that begin with this word.
    case command(String)

    /// The topic of a word; that of the program for any word that begins no command.
    init(_ word: String?) {
        switch word {
        case "run": self = .run
        case let word? where CommandTable.topics.contains(word): self = .command(word)
        default: self = .program
        }
    }
}

/// A command line that cannot be carried out.
struct UsageError: Error, Hashable, CustomStringConvertible {
    var description: String

    init(_ description: String) { self.description = description }
}

/// Turns arguments and environment into a command; reads nothing else.
enum CommandParser {
    /// - Throws: `UsageError` with one line per problem.
    static func parse(
        _ arguments: [String], environment: [String: String]
    ) throws(UsageError) -> Command {
        var rest = arguments[...]
        guard let first = rest.first, !first.hasPrefix("-") || first == "-h" || first == "--help" else {
            return try run(rest, environment)
        }
        rest = rest.dropFirst()
        if ["-h", "--help", "help"].contains(first) { return .help(HelpTopic(rest.first)) }
        let wantsHelp = rest.contains { $0 == "-h" || $0 == "--help" }
        if first == "run" { return wantsHelp ? .help(.run) : try run(rest, environment) }
        let commands = CommandTable.commands(first)
        guard !commands.isEmpty else {
            let names = (["run"] + CommandTable.topics).joined(separator: ", ")
            throw UsageError("unknown command \"\(first)\": must be \(names) or help")
        }
        if wantsHelp { return .help(.command(first)) }
        return try command(among: commands, rest)
    }

    /// The command that the next word picks, if there are several.
    private static func command(
        among commands: [CommandDefinition], _ arguments: ArraySlice<String>
    ) throws(UsageError) -> Command {
        var rest = arguments
        guard let command = commands.first, command.name.contains(" ") else {
            guard let command = commands.first else { throw UsageError("there is no such command") }
            return try command.make(try CommandArguments(rest, of: command))
        }
        let topic = command.topic
        let words = commands.map { String($0.name.dropFirst(topic.count + 1)) }
        let allowed = words.joined(separator: ", ")
        guard let word = rest.popFirst() else { throw UsageError("\(topic): must be followed by \(allowed)") }
        guard let chosen = commands.first(where: { $0.name == "\(topic) \(word)" }) else {
            throw UsageError("\(topic): unknown command \"\(word)\": must be \(allowed)")
        }
        return try chosen.make(try CommandArguments(rest, of: chosen))
    }

    private static func run(
        _ arguments: ArraySlice<String>, _ environment: [String: String]
    ) throws(UsageError) -> Command {
        var reader = SettingsReader()
        reader.read(environment: environment)
        var flags = FlagReader(arguments)
        while let flag = flags.nextFlag() {
            if flag == .flag("h") || flag == .flag("help") { return .help(.run) }
            guard case .flag(let name) = flag, let setting = Setting.all.first(where: { $0.flag == name })
            else {
                throw UsageError("unknown argument \(flag): see talos-operator run --help")
            }
            let text = setting.isSwitch ? flags.attachedValue ?? "true" : try flags.value(of: flag)
            reader.set(setting, named: "--\(name)", to: text)
        }
        return .run(try reader.finish())
    }
}

/// Collects settings from both sources and every problem on the way; a flag beats its variable.
struct SettingsReader {
    private var settings = Settings()
    private var problems: [SettingProblem] = []
    private var fromVariables: [String: SettingProblem] = [:]

    mutating func read(environment: [String: String]) {
        for setting in Setting.all {
            guard let variable = setting.variable, let text = environment[variable], !text.isEmpty else {
                continue
            }
            guard !setting.assign(text, &settings) else { continue }
            fromVariables[setting.flag] = SettingProblem(
                setting: variable, value: text, allowed: setting.allowed)
        }
    }

    mutating func set(_ setting: Setting, named name: String, to text: String) {
        fromVariables[setting.flag] = nil
        guard !setting.assign(text, &settings) else { return }
        problems.append(SettingProblem(setting: name, value: text, allowed: setting.allowed))
    }

    func finish() throws(UsageError) -> Settings {
        let all = fromVariables.values.sorted { $0.setting < $1.setting } + problems + relations()
        guard all.isEmpty else { throw UsageError(all.map(\.description).joined(separator: "\n")) }
        return settings
    }
}

/// Problems that only show when several settings are seen together.
extension SettingsReader {
    private func relations() -> [SettingProblem] {
        election() + metricsSecurity()
    }

    private func election() -> [SettingProblem] {
        var found: [SettingProblem] = []
        if settings.leaseDuration <= settings.renewDeadline {
            found.append(
                SettingProblem(
                    setting: "--leader-election-lease-duration",
                    value: GoDuration.text(settings.leaseDuration),
                    allowed: "longer than the renew deadline of \(GoDuration.text(settings.renewDeadline))"))
        }
        if settings.renewDeadline <= settings.retryPeriod * 1.2 {
            found.append(
                SettingProblem(
                    setting: "--leader-election-renew-deadline",
                    value: GoDuration.text(settings.renewDeadline),
                    allowed:
                        "longer than 1.2 times the retry period of \(GoDuration.text(settings.retryPeriod))"))
        }
        return found
    }

    private func metricsSecurity() -> [SettingProblem] {
        var found: [SettingProblem] = []
        let path = settings.metricsCertPath
        if settings.metricsSecure && path.isEmpty {
            found.append(
                SettingProblem(
                    setting: "--metrics-cert-path", value: path,
                    allowed: "the path of a directory with --metrics-secure"))
        }
        // Whoever names a certificate does not expect to be scraped in the clear.
        if !settings.metricsSecure && !path.isEmpty {
            found.append(
                SettingProblem(
                    setting: "--metrics-cert-path", value: path,
                    allowed: "left out without --metrics-secure"))
        }
        if settings.metricsAuthorization && !settings.metricsSecure {
            found.append(
                SettingProblem(
                    setting: "--metrics-authorization", value: "true",
                    allowed: "false without --metrics-secure, since tokens must not travel in the clear"))
        }
        return found
    }
}

/// Splits arguments into flags and their values: `--flag value`, `--flag=value`, `-f value`.
struct FlagReader {
    enum Item: Hashable, CustomStringConvertible {
        case flag(String)
        case other(String)

        var description: String {
            switch self {
            case .flag(let name): name.count == 1 ? "-\(name)" : "--\(name)"
            case .other(let text): "\"\(text)\""
            }
        }
    }

    private var rest: ArraySlice<String>
    /// The text after `=`, if the flag just read had one.
    private(set) var attachedValue: String?

    init(_ arguments: ArraySlice<String>) {
        rest = arguments
    }

    mutating func nextFlag() -> Item? {
        guard let argument = rest.popFirst() else { return nil }
        attachedValue = nil
        guard argument.hasPrefix("-"), argument != "-" else { return .other(argument) }
        let body = argument.drop { $0 == "-" }
        guard let equals = body.firstIndex(of: "=") else { return .flag(String(body)) }
        attachedValue = String(body[body.index(after: equals)...])
        return .flag(String(body[..<equals]))
    }

    mutating func value(of flag: Item) throws(UsageError) -> String {
        if let attachedValue { return attachedValue }
        guard let value = rest.popFirst() else { throw UsageError("\(flag): the value is missing") }
        return value
    }

    /// The value of a flag that may have one; nil if the next argument is a flag.
    mutating func optionalValue() -> String? {
        if let attachedValue { return attachedValue }
        guard let next = rest.first, !next.hasPrefix("-") else { return nil }
        return rest.popFirst()
    }
}
