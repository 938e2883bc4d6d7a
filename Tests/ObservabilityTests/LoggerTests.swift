// SPDX-License-Identifier: Apache-2.0
import Platform
import TestSupport
import Testing

@testable import Observability

@Suite("Logger")
struct LoggerTests {
    private let sink = RecordingLogSink()

    private func logger(_ level: LogLevel = .info, _ format: LogFormat = .json) -> Logger {
        Logger(sink: sink, level: level, format: format, clock: ManualClock())
    }

    @Test("writes the specified fields first, then the message, then the rest as they come")
    func order() {
        let logger = logger().with(["cluster": "prod-cluster", "reconcileID": "7"])
            .with(["namespace": "default", "controller": "KubernetesCluster"])
        logger.info("Successfully reconciled cluster", ["machines": 5, "changed": false, "seconds": 0.25])
        #expect(
            sink.lines == [
                #"{"level":"info","timestamp":"2024-01-01T12:00:00.000Z","controller":"KubernetesCluster","#
                    + #""cluster":"prod-cluster","namespace":"default","#
                    + #""message":"Successfully reconciled cluster","reconcileID":"7","#
                    + #""machines":5,"changed":false,"seconds":0.25}"#
            ])
    }

    @Test("writes aligned text with values quoted where they need it")
    func text() {
        let logger = logger(.debug, .text).with(["cluster": "prod"])
        logger.info("Successfully reconciled cluster", ["took": .duration(.milliseconds(1500))])
        logger.warning("Odd", ["a": "two words", "b": "", "c": "x=y", "d": "1\n2", "e": ["p", "q"]])
        logger.error("Bad", ["\u{1b}[2J": "\u{9b}31m"])
        #expect(
            sink.lines == [
                "12:00:00.000 INFO  Successfully reconciled cluster cluster=prod took=1.5",
                #"12:00:00.000 WARN  Odd cluster=prod a="two words" b="" c="x=y" d="1\n2" e=p,q"#,
                #"12:00:00.000 ERROR Bad cluster=prod "\u001b[2J"="\u009b31m""#,
            ])
    }

    @Test("drops what is below its level without looking at the fields")
    func level() {
        var evaluated = 0
        func fields() -> LogFields {
            evaluated += 1
            return ["n": 1]
        }
        let logger = logger(.warn)
        logger.debug("a", fields())
        logger.info("b", fields())
        #expect(sink.lines.isEmpty && evaluated == 0)
        logger.warning("c", fields())
        logger.error("d", fields())
        #expect(sink.lines.count == 2 && evaluated == 2)
        #expect(logger.isEnabled(.error) && !logger.isEnabled(.info))
    }

    @Test(
        "keeps every event on one line of valid JSON",
        arguments: [
            ("a\nb\rc\td", #""a\nb\rc\td""#), (#"say "hi" \o/"#, #""say \"hi\" \\o/""#),
            ("\0\u{1b}\u{7f}\u{85}", #""\u0000\u001b\u007f\u0085""#), ("grüße 🦊", #""grüße 🦊""#),
            (String(decoding: [0x61, 0xff, 0x62] as [UInt8], as: UTF8.self), "\"a\u{fffd}b\""),
        ])
    func escaping(value: String, expected: String) throws {
        logger().info("m", ["v": .string(value)])
        let line = try #require(sink.lines.first)
        #expect(line.hasSuffix(#""message":"m","v":\#(expected)}"#))
        #expect(!line.unicodeScalars.contains { $0.properties.generalCategory == .control })
    }

    @Test("writes numbers that JSON has no word for as text")
    func numbers() {
        logger().info(
            "m", ["a": .double(.infinity), "b": .double(-.infinity), "c": .double(.nan), "d": 1e300])
        #expect(sink.lines[0].hasSuffix(#""a":"inf","b":"-inf","c":"nan","d":1e+300}"#))
    }

    @Test("lets the last of equal keys win and none pass for a field of its own")
    func duplicates() {
        logger().with(["cluster": "a", "x": 1]).info(
            "m", ["x": 2, "cluster": "b", "message": "forged", "level": 9])
        #expect(
            sink.lines[0].hasSuffix(#""cluster":"b","message":"m","x":2,"message_":"forged","level_":9}"#))
    }

    @Test("leaves the logger it was made from as it was")
    func context() {
        let parent = logger()
        parent.with(["a": 1]).info("child")
        parent.info("parent")
        #expect(sink.lines[0].hasSuffix(#""message":"child","a":1}"#))
        #expect(sink.lines[1].hasSuffix(#""message":"parent"}"#))
    }

    @Test("shows a redacted value nowhere")
    func redacted() {
        let token = Redacted("hunter2")
        logger().info("m", ["a": "\(token)", "b": .describing(token), "c": .describing([token])])
        var dumped = ""
        dump(token, to: &dumped)
        #expect(!(sink.lines[0] + dumped + String(reflecting: token)).contains("hunter2"))
        #expect(sink.lines[0].contains(#""a":"[redacted]""#))
        #expect(token.secret == "hunter2")
    }
}
