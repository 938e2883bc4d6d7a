// SPDX-License-Identifier: Apache-2.0

/// What the kernel says about this process, read from the texts under `/proc`.
///
/// Everything is optional: what a kernel or a sandbox does not show is left out and not guessed.
struct ProcessStatistics: Hashable {
    /// User and system time together.
    var cpuTicks: UInt64?
    /// When the process started, in clock ticks after boot.
    var startTicks: UInt64?
    var virtualBytes: UInt64?
    var residentPages: UInt64?

    /// Reads `/proc/self/stat`, proc_pid_stat(5).
    ///
    /// The second field is the program's name in parentheses and may hold anything, spaces and
    /// parentheses included; fields are therefore counted from the last `)`.
    init(stat: String) {
        guard let end = stat.lastIndex(of: ")") else { return }
        let fields = stat[stat.index(after: end)...].split(whereSeparator: \.isWhitespace)
        func field(_ number: Int) -> UInt64? {
            // The field after the name is number 3.
            let index = number - 3
            return fields.indices.contains(index) ? UInt64(fields[index]) : nil
        }
        if let user = field(14), let system = field(15) { cpuTicks = user &+ system }
        startTicks = field(22)
        virtualBytes = field(23)
        residentPages = field(24)
    }

    /// Reads the soft limit of a row such as `Max open files` from `/proc/self/limits`; infinity for
    /// `unlimited`.
    static func softLimit(_ row: String, limits: String) -> Double? {
        guard let line = limits.split(separator: "\n").first(where: { $0.hasPrefix(row) }) else { return nil }
        let words = line.dropFirst(row.count).split(separator: " ")
        return words.first == "unlimited" ? .infinity : words.first.flatMap { UInt64($0) }.map { Double($0) }
    }

    /// Reads when the machine booted, in seconds since 1970, from `/proc/stat`.
    static func bootTime(systemStat: String) -> UInt64? {
        systemStat.split(separator: "\n")
            .first { $0.hasPrefix("btime ") }
            .flatMap { UInt64($0.dropFirst(6)) }
    }

    /// Adds up the bytes of all interfaces in `/proc/self/net/dev`.
    static func networkBytes(networkDevices: String) -> (received: UInt64, sent: UInt64)? {
        var total: (received: UInt64, sent: UInt64)?
        for line in networkDevices.split(separator: "\n") {
            guard let colon = line.firstIndex(of: ":") else { continue }
            let columns = line[line.index(after: colon)...].split(separator: " ")
            guard columns.count > 8, let received = UInt64(columns[0]), let sent = UInt64(columns[8]) else {
                continue
            }
            total = ((total?.received ?? 0) &+ received, (total?.sent ?? 0) &+ sent)
        }
        return total
    }
}
