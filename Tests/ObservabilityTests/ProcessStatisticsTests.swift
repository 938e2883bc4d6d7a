// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Observability

@Suite("Process statistics")
struct ProcessStatisticsTests {
    @Test(
        "counts the fields from the last parenthesis, whatever the program is called",
        arguments: ["a", "a) b (c", ")"])
    func stat(name: String) {
        let line =
            "26231 (\(name)) R 5392 7446 5392 34835 7446 4218880 32533 309516 26 82 1677 44 158 99 20 0 1 0 "
            + "82375 56274944 1981 18446744073709551615 4194304 6294284 140736914091744 140736914087944\n"
        let statistics = ProcessStatistics(stat: line)
        #expect(statistics.cpuTicks == 1721)
        #expect(statistics.startTicks == 82375)
        #expect(statistics.virtualBytes == 56_274_944)
        #expect(statistics.residentPages == 1981)
    }

    @Test(
        "leaves out what is not there",
        arguments: ["", "1 (a", "1 (a)", "1 (a) R 1 2", "1 (a) " + "x " + "-1 "])
    func incomplete(line: String) {
        let statistics = ProcessStatistics(stat: line)
        #expect(statistics == ProcessStatistics(stat: ""))
        #expect(statistics.cpuTicks == nil && statistics.startTicks == nil)
    }

    private static let limits = """
        Limit                     Soft Limit           Hard Limit           Units     
        Max cpu time              unlimited            unlimited            seconds   
        Max open files            1024                 1048576              files     
        Max address space         unlimited            unlimited            bytes     

        """

    @Test(
        "reads soft limits",
        arguments: [
            ("Max open files", 1024), ("Max address space", Double.infinity), ("Max shoe size", nil),
            ("Max open", nil),
        ] as [(String, Double?)])
    func softLimit(row: String, expected: Double?) {
        #expect(ProcessStatistics.softLimit(row, limits: Self.limits) == expected)
    }

    @Test(
        "reads the boot time",
        arguments: [("cpu 1 2\nbtime 1700000000\nprocesses 9\n", 1_700_000_000), ("cpu\n", nil)])
    func bootTime(text: String, expected: UInt64?) {
        #expect(ProcessStatistics.bootTime(systemStat: text) == expected)
    }

    @Test("adds up the interfaces")
    func networkBytes() throws {
        let text = """
            Inter-|   Receive                                                |  Transmit
             face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo
                lo:     100       1    0    0    0     0          0         0       30       1    0    0    0
              eth0:4000000000     1    0    0    0     0          0         0       12       1    0    0    0
               bad: x
            """
        let bytes = try #require(ProcessStatistics.networkBytes(networkDevices: text))
        #expect(bytes == (4_000_000_100, 42))
        #expect(ProcessStatistics.networkBytes(networkDevices: "") == nil)
    }
}

@Suite("Process metrics")
struct ProcessMetricsTests {
    private func value(_ name: String, in text: String) -> Double? {
        text.split(separator: "\n").first { $0.hasPrefix(name + " ") }.flatMap {
            Double($0.dropFirst(name.count + 1))
        }
    }

    @Test("declares every family of its table, each in order")
    func definitions() {
        let registry = MetricRegistry()
        ProcessMetrics.register(in: registry)
        #expect(registry.problems.isEmpty)
        #expect(registry.definitions == ProcessMetrics.definitions.sorted { $0.name < $1.name })
    }

    @Test("reads this process")
    func thisProcess() throws {
        let registry = MetricRegistry()
        ProcessMetrics.register(in: registry)
        let text = String(decoding: registry.render(), as: UTF8.self)
        let resident = try #require(value("process_resident_memory_bytes", in: text))
        let virtual = try #require(value("process_virtual_memory_bytes", in: text))
        #expect(resident > 1_000_000 && resident < virtual)
        #expect(try #require(value("process_open_fds", in: text)) >= 3)
        #expect(try #require(value("process_start_time_seconds", in: text)) > 1_600_000_000)
        #expect(try #require(value("process_cpu_seconds_total", in: text)) > 0)
    }

    @Test("stays at zero where nothing can be read")
    func nothingThere() {
        let registry = MetricRegistry()
        ProcessMetrics.register(in: registry, root: "/nonexistent")
        let text = String(decoding: registry.render(), as: UTF8.self)
        for definition in ProcessMetrics.definitions {
            #expect(value(definition.name, in: text) == 0)
        }
    }
}
