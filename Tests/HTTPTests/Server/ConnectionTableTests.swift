// SPDX-License-Identifier: Apache-2.0
import Platform
import Testing

@testable import HTTP

@Suite("Connection table")
struct ConnectionTableTests {
    @Test(
        "two servers leave the rest of the program its descriptors, if there are any to spare",
        arguments: [
            (-1, 8), (0, 8), (64, 8), (112, 8), (120, 12), (256, 80), (607, 255), (608, 256), (1024, 256),
            (.max, 256),
        ])
    func fitting(descriptors: Int, connections: Int) {
        #expect(HTTPServerLimits.fitting(descriptorLimit: descriptors).connections == connections)
    }

    private func at(_ seconds: Int64) -> Instant {
        Instant(nanoseconds: seconds * 1_000_000_000)
    }

    private func connection(_ phase: ServerConnection.Phase, since seconds: Int64) -> ServerConnection {
        var connection = ServerConnection(now: at(seconds))
        let line = phase == .lingering ? "POST / HTTP/1.1" : "GET / HTTP/1.1"
        guard phase != .head else { return connection }
        connection.receive(Array("\(line)\r\nHost: h\r\n\r\n".utf8), now: at(seconds))
        connection.serve(now: at(seconds)) { _ in .text(200, "ok") }
        guard phase != .sending else { return connection }
        connection.didSend(connection.pendingOutput.count, now: at(seconds))
        return connection
    }

    private func table(_ entries: [(ServerConnection.Phase, Int64)]) -> ConnectionTable {
        var table = ConnectionTable(limits: HTTPServerLimits(connections: 3))
        for (index, entry) in entries.enumerated() {
            table.connections[Int32(index)] = connection(entry.0, since: entry.1)
        }
        return table
    }

    @Test(
        "gives up the least useful connection, the oldest among equals",
        arguments: [
            ([(ServerConnection.Phase.head, 3), (.head, 2), (.head, 4)], 1),
            ([(.head, 1), (.idle, 9), (.sending, 1)], 1), ([(.sending, 2), (.sending, 1), (.head, 9)], 1),
            ([(.sending, 3), (.head, 2), (.sending, 4)], 1),
            ([(.idle, 1), (.lingering, 9), (.head, 1)], 1), ([(.sending, 2), (.sending, 1)], 1),
        ] as [([(ServerConnection.Phase, Int64)], Int32)])
    func victim(entries: [(ServerConnection.Phase, Int64)], expected: Int32) {
        #expect(table(entries).victim == expected)
    }

    @Test("has nothing to give up, and nothing due, when it is empty")
    func empty() {
        #expect(table([]).victim == nil)
        #expect(table([]).nextDeadline == nil)
        #expect(table([]).expired(at: .distantFuture).isEmpty)
    }

    @Test("finds the connections whose time is up, each by the rule of its phase")
    func expired() {
        let table = table([(.head, 0), (.idle, 0), (.sending, 0), (.lingering, 0), (.head, 100)])
        #expect(table.nextDeadline == at(2))
        #expect(table.expired(at: at(1)).isEmpty)
        #expect(table.expired(at: at(2)) == [3])
        #expect(Set(table.expired(at: at(5))) == [3, 0])
        #expect(Set(table.expired(at: at(30))) == [3, 0, 2])
        #expect(Set(table.expired(at: at(60))) == [3, 0, 2, 1])
    }

    @Test("knows when it is full and what waits to be sent")
    func totals() {
        #expect(!table([(.head, 0), (.idle, 0)]).isFull)
        #expect(table([(.head, 0), (.idle, 0), (.idle, 0)]).isFull)
        let sending = table([(.sending, 0), (.sending, 0), (.idle, 0)])
        #expect(sending.hasUnsentResponses && !table([(.idle, 0)]).hasUnsentResponses)
        #expect(sending.queuedBytes == 2 * connection(.sending, since: 0).pendingOutput.count)
    }

    @Test("names the slowest readers that hold more than is allowed, and only those")
    func excessReaders() {
        var table = table([(.sending, 3), (.sending, 1), (.sending, 2), (.idle, 0)])
        let response = table.queuedBytes / 3
        #expect(table.excessReaders.isEmpty)
        for (limit, expected) in [
            (3 * response, []), (3 * response - 1, [1]), (response, [1, 2]), (0, [1, 2, 0]),
        ] {
            var limits = HTTPServerLimits()
            limits.queuedBytes = limit
            var limited = ConnectionTable(limits: limits)
            limited.connections = table.connections
            #expect(limited.excessReaders == expected.map { Int32($0) })
        }
        table.connections = [:]
        #expect(table.excessReaders.isEmpty)
    }
}
