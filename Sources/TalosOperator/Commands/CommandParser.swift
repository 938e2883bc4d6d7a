// SPDX-License-Identifier: Apache-2.0

/// What the user asked for.
enum Command: Hashable, Sendable {
    case run(Settings)
    case render(RenderOptions)
    case version
    case help(HelpTopic)
}

enum HelpTopic: String, Hashable, Sendable { case program, run, render, version }

/// What `talos-operator render` is to read and where to write.
struct RenderOptions: Hashable, Sendable {
    /// Files to read in this order; `-` is standard input.
    var files: [String] = []
    /// The directory to write to; nil prints.
    var outputDirectory: String?
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
        let wantsHelp = rest.contains { $0 == "-h" || $0 == "--help" }
        switch first {
        case "-h", "--help", "help": return .help(rest.first.flatMap(HelpTopic.init) ?? .program)
        case "run": return wantsHelp ? .help(.run) : try run(rest, environment)
        case "render": return wantsHelp ? .help(.render) : try render(rest)
        case "version": return wantsHelp ? .help(.version) : try version(rest)
        default: throw UsageError("unknown command \"\(first)\": must be run, render, version or help")
        }
    }

    private static func version(_ arguments: ArraySlice<String>) throws(UsageError) -> Command {
        guard let extra = arguments.first else { return .version }
        throw UsageError("version takes no argument: \"\(extra)\"")
    }

    private static func render(_ arguments: ArraySlice<String>) throws(UsageError) -> Command {
        var options = RenderOptions()
        var flags = FlagReader(arguments)
        while let flag = flags.nextFlag() {
            switch flag {
            case .flag("f"), .flag("filename"): options.files.append(try flags.value(of: flag))
            case .flag("o"), .flag("output-dir"): options.outputDirectory = try flags.value(of: flag)
            default: throw UsageError("render: unknown argument \(flag): must be -f FILE or -o DIR")
            }
        }
        guard !options.files.isEmpty else {
            throw UsageError("render: -f FILE is missing (- reads standard input)")
        }
        return .render(options)
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
}
