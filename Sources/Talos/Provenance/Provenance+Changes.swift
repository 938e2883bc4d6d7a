// SPDX-License-Identifier: Apache-2.0

extension Provenance {
    /// What layers did to what was generated, a path a line, without values:
    /// `machine.install.disk: spec.patches[0] over generated`.
    ///
    /// It tells no line numbers, so that it stays the same when a layer is only written in another way. What would make
    /// it longer than `limit` bytes is counted in a last line.
    package func changes(toBytes limit: Int) -> String {
        var text = ""
        var leftOut = 0
        for entry in entries where entry.isRemoved || entry.setBy.layer != layerName(0) {
            let line = "\(entry.path): \(entry.change)\n"
            if leftOut > 0 || text.utf8.count + line.utf8.count > limit {
                leftOut += 1
            } else {
                text += line
            }
        }
        return leftOut > 0 ? text + "and \(leftOut) more\n" : text
    }
}

extension Provenance.Entry {
    fileprivate var change: String {
        let others = overrode.map(\.name).joined(separator: ", ")
        if isRemoved { return "removed by \(setBy.name)" + (others.isEmpty ? "" : ", set by \(others)") }
        return setBy.name + (others.isEmpty ? "" : " over \(others)")
    }
}

extension Provenance.Setter {
    /// The layer, and which of its documents if that matters.
    fileprivate var name: String { layer + (document.map { "#\($0)" } ?? "") }
}
