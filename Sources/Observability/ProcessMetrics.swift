// SPDX-License-Identifier: Apache-2.0
import Glibc

/// The `process_*` families that every Prometheus client library has, read at each scrape.
package struct ProcessMetrics: Sendable {
    package static let cpuSeconds = MetricDefinition.counter(
        "process_cpu_seconds_total", help: "Total user and system CPU time spent in seconds.")
    package static let openDescriptors = MetricDefinition.gauge(
        "process_open_fds", help: "Number of open file descriptors.")
    package static let maximumDescriptors = MetricDefinition.gauge(
        "process_max_fds", help: "Maximum number of open file descriptors.")
    package static let virtualMemory = MetricDefinition.gauge(
        "process_virtual_memory_bytes", help: "Virtual memory size in bytes.")
    package static let maximumVirtualMemory = MetricDefinition.gauge(
        "process_virtual_memory_max_bytes", help: "Maximum amount of virtual memory available in bytes.")
    package static let residentMemory = MetricDefinition.gauge(
        "process_resident_memory_bytes", help: "Resident memory size in bytes.")
    package static let startTime = MetricDefinition.gauge(
        "process_start_time_seconds", help: "Start time of the process since unix epoch in seconds.")
    package static let receivedBytes = MetricDefinition.counter(
        "process_network_receive_bytes_total",
        help: "Number of bytes received by the process over the network.")
    package static let sentBytes = MetricDefinition.counter(
        "process_network_transmit_bytes_total", help: "Number of bytes sent by the process over the network.")

    /// Every family of this table.
    package static let definitions = [
        cpuSeconds, openDescriptors, maximumDescriptors, virtualMemory, maximumVirtualMemory, residentMemory,
        startTime, receivedBytes, sentBytes,
    ]

    /// Declares the families and fills them before each rendering from what lies below `root`.
    package static func register(in registry: MetricRegistry, root: String = "/proc") {
        let families = Families(registry)
        let files = ProcFiles(root: root)
        families.setStartTime(from: files)
        registry.onCollect { families.update(from: files) }
    }
}

private struct Families: Sendable {
    let cpuSeconds, receivedBytes, sentBytes: Counter
    let openDescriptors, maximumDescriptors, virtualMemory, maximumVirtualMemory: Gauge
    let residentMemory, startTime: Gauge

    init(_ registry: MetricRegistry) {
        cpuSeconds = registry.counter(ProcessMetrics.cpuSeconds)
        receivedBytes = registry.counter(ProcessMetrics.receivedBytes)
        sentBytes = registry.counter(ProcessMetrics.sentBytes)
        openDescriptors = registry.gauge(ProcessMetrics.openDescriptors)
        maximumDescriptors = registry.gauge(ProcessMetrics.maximumDescriptors)
        virtualMemory = registry.gauge(ProcessMetrics.virtualMemory)
        maximumVirtualMemory = registry.gauge(ProcessMetrics.maximumVirtualMemory)
        residentMemory = registry.gauge(ProcessMetrics.residentMemory)
        startTime = registry.gauge(ProcessMetrics.startTime)
    }

    func update(from files: ProcFiles) {
        updateUse(from: files)
        if let count = files.countEntries("self/fd") { openDescriptors.set(Double(count)) }
        if let limits = files.text("self/limits") {
            Self.set(maximumDescriptors, ProcessStatistics.softLimit("Max open files", limits: limits))
            Self.set(maximumVirtualMemory, ProcessStatistics.softLimit("Max address space", limits: limits))
        }
        if let devices = files.text("self/net/dev"),
            let bytes = ProcessStatistics.networkBytes(networkDevices: devices)
        {
            receivedBytes.labels([]).raise(to: Double(bytes.received))
            sentBytes.labels([]).raise(to: Double(bytes.sent))
        }
    }

    private func updateUse(from files: ProcFiles) {
        guard let stat = files.text("self/stat").map(ProcessStatistics.init(stat:)) else { return }
        let pageSize = Double(max(1, sysconf(Int32(_SC_PAGESIZE))))
        if let ticks = stat.cpuTicks { cpuSeconds.labels([]).raise(to: Double(ticks) / Self.ticksPerSecond) }
        Self.set(virtualMemory, stat.virtualBytes.map { Double($0) })
        Self.set(residentMemory, stat.residentPages.map { Double($0) * pageSize })
    }

    /// Done once, as it does not change and `/proc/stat` is long on a machine of many processors.
    func setStartTime(from files: ProcFiles) {
        guard let ticks = files.text("self/stat").flatMap({ ProcessStatistics(stat: $0).startTicks }),
            let bootTime = files.text("stat").flatMap(ProcessStatistics.bootTime(systemStat:))
        else { return }
        startTime.set(Double(bootTime) + Double(ticks) / Self.ticksPerSecond)
    }

    private static var ticksPerSecond: Double { Double(max(1, sysconf(Int32(_SC_CLK_TCK)))) }

    private static func set(_ gauge: Gauge, _ value: Double?) {
        if let value { gauge.set(value) }
    }
}

/// The files below `/proc`, which have no size and are read until their end.
private struct ProcFiles {
    let root: String

    /// 1 MiB: `/proc/stat` has a line for each processor and a long one for interrupts.
    private static let sizeLimit = 1 << 20

    func text(_ path: String) -> String? {
        let descriptor = open("\(root)/\(path)", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 4096)
        while bytes.count < Self.sizeLimit {
            let count = read(descriptor, &piece, piece.count)
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { break }
            bytes += piece.prefix(count)
        }
        return bytes.isEmpty ? nil : String(decoding: bytes, as: UTF8.self)
    }

    /// The entries of a directory but `.`, `..` and the descriptor that this look costs.
    func countEntries(_ path: String) -> Int? {
        guard let directory = opendir("\(root)/\(path)") else { return nil }
        defer { closedir(directory) }
        var count = 0
        while readdir(directory) != nil { count += 1 }
        return max(0, count - 3)
    }
}
