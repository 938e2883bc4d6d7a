// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import TalosOperator

@Suite("Help")
struct HelpTextTests {
    @Test("every line of every help fits a wide terminal and has no blanks at its end")
    func lines() {
        for topic in [HelpTopic.program, .run] + CommandTable.topics.map(HelpTopic.command) {
            let text = HelpText.text(for: topic)
            #expect(text.hasSuffix("\n"))
            for line in text.split(separator: "\n") {
                #expect(line.count <= 200, "\(line)")
                #expect(line.last != " ", "\(line)")
            }
        }
    }

    @Test("the words of the settings stand below each other")
    func columns() throws {
        let rows = HelpText.text(for: .run).split(separator: "\n").filter { $0.hasPrefix("  --") }
        #expect(rows.count == Setting.all.count)
        let columns = zip(rows, Setting.all).map { row, setting in
            row.firstRange(of: setting.help).map { row.distance(from: row.startIndex, to: $0.lowerBound) }
        }
        #expect(Set(columns).count == 1)
        #expect(columns.first != .some(nil))
    }

    @Test("a setting shows its placeholder, its default and its variable")
    func row() {
        let text = HelpText.text(for: .run)
        #expect(text.contains("--reconcile-interval DURATION  "))
        #expect(text.contains("nothing happened (default 30s) [$RECONCILE_INTERVAL]\n"))
        #expect(text.contains("--leader-elect  "))
    }

    @Test("a sentence can be made of what each setting says")
    func words() {
        for setting in Setting.all {
            #expect(!setting.help.isEmpty && !setting.help.hasSuffix("."), "\(setting.flag)")
            #expect(!setting.allowed.isEmpty && !setting.allowed.hasSuffix("."), "\(setting.flag)")
        }
    }
}
