// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Talos

@Suite("Text with variables")
struct VariableTextTests {
    @Test(
        "texts and variables are told apart",
        arguments: [
            ("", []), ("plain", [.text("plain")]), ("${a}", [.variable("a")]),
            ("x-${a.b}-${c}", [.text("x-"), .variable("a.b"), .text("-"), .variable("c")]),
            ("${a}${b}", [.variable("a"), .variable("b")]),
            ("$$", [.text("$")]), ("$${a}", [.text("${a}")]), ("$$$", [.text("$$")]),
            ("$$$${a}", [.text("$${a}")]), ("$$${a}", [.text("$"), .variable("a")]),
            ("$HOME $(pwd) $1 5$", [.text("$HOME $(pwd) $1 5$")]), ("{a}", [.text("{a}")]),
            ("${}", [.variable("")]), ("${å}ø", [.variable("å"), .text("ø")]),
            ("${a${b}}", [.variable("a${b"), .text("}")]),
        ] as [(String, [VariableText.Piece])])
    func reading(text: String, pieces: [VariableText.Piece]) throws {
        #expect(try VariableText(text).pieces == pieces)
    }

    @Test(
        "a brace that is never closed is an error that shows where",
        arguments: ["${", "a ${b", "${a} ${", "${a\n"])
    func unclosed(text: String) {
        #expect(throws: VariableText.Unclosed.self) { try VariableText(text) }
    }
}
