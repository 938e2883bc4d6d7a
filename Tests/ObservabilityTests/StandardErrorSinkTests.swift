// SPDX-License-Identifier: Apache-2.0
import Glibc
import Testing

@testable import Observability

@Suite("Standard error sink")
struct StandardErrorSinkTests {
    /// Both ends of a pipe.
    private struct Pipe {
        let reading: Int32
        let writing: Int32

        init() {
            var ends: [Int32] = [0, 0]
            pipe(&ends)
            (reading, writing) = (ends[0], ends[1])
        }

        /// What is in the pipe now.
        func drain() -> [UInt8] {
            _ = fcntl(reading, F_SETFL, O_NONBLOCK)
            var bytes: [UInt8] = []
            var piece = [UInt8](repeating: 0, count: 4096)
            while true {
                let count = read(reading, &piece, piece.count)
                guard count > 0 else { return bytes }
                bytes += piece.prefix(count)
            }
        }
    }

    @Test("writes whole lines, long ones too")
    func lines() {
        let pipe = Pipe()
        defer { close(pipe.reading); close(pipe.writing) }
        let sink = StandardErrorSink(descriptor: pipe.writing)
        let long = [UInt8](repeating: 120, count: 10_000) + [10]
        sink.write([97, 10])
        sink.write(long)
        #expect(pipe.drain() == [97, 10] + long)
        #expect(sink.droppedLines == 0)
    }

    @Test("drops lines while the reader does not read, and goes on when it does", arguments: [0, O_NONBLOCK])
    func stuckReader(flags: Int32) {
        let pipe = Pipe()
        defer { close(pipe.reading); close(pipe.writing) }
        _ = fcntl(pipe.writing, F_SETFL, flags)
        let sink = StandardErrorSink(descriptor: pipe.writing, patience: 1)
        let line = [UInt8](repeating: 120, count: 4095) + [10]
        while sink.droppedLines == 0 { sink.write(line) }
        sink.write(line)
        #expect(sink.droppedLines == 2)
        _ = pipe.drain()
        sink.write([97, 10])
        #expect(pipe.drain() == [97, 10])
        #expect(sink.droppedLines == 2)
    }

    @Test("drops lines when the reader is gone, without a signal")
    func closedReader() {
        let pipe = Pipe()
        close(pipe.reading)
        defer { close(pipe.writing) }
        let sink = StandardErrorSink(descriptor: pipe.writing)
        sink.write([97, 10])
        #expect(sink.droppedLines == 1)
    }
}
