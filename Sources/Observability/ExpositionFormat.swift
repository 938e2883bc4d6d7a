// SPDX-License-Identifier: Apache-2.0

/// How metrics are written for whoever scrapes them.
package enum ExpositionFormat: Sendable, Hashable, CaseIterable {
    /// Prometheus text format 0.0.4; what everybody reads.
    case prometheusText
    /// OpenMetrics 1.0.
    case openMetrics

    /// The value of the Content-Type header.
    package var contentType: String {
        switch self {
        case .prometheusText: "text/plain; version=0.0.4; charset=utf-8"
        case .openMetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8"
        }
    }

    /// The format that an Accept header prefers: highest q-value, then first named; text 0.0.4 if it names
    /// neither, since a page in another format is of more use than none.
    package static func negotiated(accept: String?) -> ExpositionFormat {
        var best: (format: ExpositionFormat, quality: Double)?
        for range in (accept ?? "").split(separator: ",") {
            guard let accepted = MediaRange(range), accepted.quality > 0, let format = accepted.format,
                accepted.quality > best?.quality ?? 0
            else { continue }
            best = (format, accepted.quality)
        }
        return best?.format ?? .prometheusText
    }
}

/// One element of an Accept header.
private struct MediaRange {
    var type: String
    var version: String?
    var quality = 1.0

    /// Nil if the element names no type or has a q-value that is none.
    init?(_ text: Substring) {
        var parts = text.split(separator: ";").map(Self.trimmed).makeIterator()
        guard let first = parts.next() else { return nil }
        type = first.lowercased()
        while let parameter = parts.next() {
            let pair = parameter.split(separator: "=", maxSplits: 1).map(Self.trimmed)
            guard pair.count == 2 else { continue }
            switch pair[0].lowercased() {
            case "version": version = pair[1]
            case "q":
                guard let quality = Double(pair[1]), (0...1).contains(quality) else { return nil }
                self.quality = quality
            default: break
            }
        }
    }

    /// The format the range stands for; nil for one we do not write.
    var format: ExpositionFormat? {
        switch type {
        case "application/openmetrics-text": version == nil || version == "1.0.0" ? .openMetrics : nil
        case "text/plain": version == nil || version == "0.0.4" ? .prometheusText : nil
        case "text/*", "*/*": .prometheusText
        default: nil
        }
    }

    private static func trimmed(_ text: Substring) -> String {
        let isSpace: (Character) -> Bool = { $0 == " " || $0 == "\t" || $0 == "\"" }
        let start = text.drop(while: isSpace)
        return String(start.reversed().drop(while: isSpace).reversed())
    }
}
