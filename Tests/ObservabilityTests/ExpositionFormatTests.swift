// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Observability

@Suite("Exposition format")
struct ExpositionFormatTests {
    @Test(
        "takes the format that the client prefers",
        arguments: [
            (nil, ExpositionFormat.prometheusText), ("", .prometheusText), ("garbage;;q=", .prometheusText),
            ("*/*", .prometheusText), ("text/html", .prometheusText), ("text/plain", .prometheusText),
            ("application/openmetrics-text", .openMetrics),
            ("application/openmetrics-text; version=1.0.0; charset=utf-8", .openMetrics),
            ("application/openmetrics-text;version=\"1.0.0\"", .openMetrics),
            ("Application/OpenMetrics-Text;VERSION=1.0.0;Q=0.1", .openMetrics),
            ("application/openmetrics-text;version=0.0.1", .prometheusText),
            ("application/openmetrics-text;q=0.5, text/plain;q=1", .prometheusText),
            ("application/openmetrics-text;q=0.5,text/plain;q=0.4", .openMetrics),
            ("text/plain, application/openmetrics-text", .prometheusText),
            ("application/openmetrics-text, */*", .openMetrics),
            ("application/openmetrics-text;q=0", .prometheusText),
            ("application/openmetrics-text;q=2", .prometheusText),
            ("application/openmetrics-text;q=nan", .prometheusText),
            (
                "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
                    + "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;q=0.4,"
                    + "text/plain;version=0.0.4;q=0.3,*/*;q=0.2", .openMetrics
            ),
        ])
    func negotiation(accept: String?, expected: ExpositionFormat) {
        #expect(ExpositionFormat.negotiated(accept: accept) == expected)
    }

    @Test("names its content type")
    func contentType() {
        #expect(ExpositionFormat.prometheusText.contentType == "text/plain; version=0.0.4; charset=utf-8")
        #expect(
            ExpositionFormat.openMetrics.contentType
                == "application/openmetrics-text; version=1.0.0; charset=utf-8")
    }
}
