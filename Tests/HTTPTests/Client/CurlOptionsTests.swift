// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import HTTP

@Suite("CurlOptions")
struct CurlOptionsTests {
    private static func settings(_ configuration: TransportConfiguration) throws -> [String] {
        try CurlOptions(configuration).settings.map { "\($0)" }
    }

    private func endpoint(_ host: String, _ port: UInt16 = 6443, prefix: String = "")
        -> TransportConfiguration
    {
        TransportConfiguration(
            endpoint: Endpoint(scheme: .https, host: host, port: port, pathPrefix: prefix),
            userAgent: "test/1")
    }

    @Test("A configured authority takes away the machine's own, file and directory")
    func authorityAlone() throws {
        var configuration = endpoint("127.0.0.1")
        configuration.tls.trust = .certificates(pem: [1, 2, 3])
        let settings = try Self.settings(configuration)
        // The numbers of CAINFO, CAPATH, PROXY_CAINFO and PROXY_CAPATH, then of the two blobs.
        for option in [10065, 10097, 10246, 10247] {
            #expect(
                settings.contains {
                    $0.hasPrefix("text") && $0.contains("\(option))") && $0.hasSuffix("nil)")
                })
        }
        for option in [40309, 40310] {
            #expect(settings.contains { $0.hasPrefix("blob") && $0.contains("\(option))") })
        }
    }

    @Test("Verification is on unless it is switched off")
    func verification() throws {
        var configuration = endpoint("127.0.0.1")
        // The numbers of SSL_VERIFYPEER and SSL_VERIFYHOST.
        for trust in [TLSConfiguration.Trust.system, .certificates(pem: [1]), .insecure] {
            configuration.tls.trust = trust
            let settings = try Self.settings(configuration)
            for option in [64, 81] {
                let isOff = settings.contains { $0.contains("(rawValue: \(option))") && $0.hasSuffix(" 0)") }
                #expect(isOff == (trust == .insecure))
            }
        }
    }

    @Test("What must hold for every request does", arguments: [nil, "http://proxy"])
    func always(proxy: String?) throws {
        var configuration = endpoint("10.0.0.1")
        configuration.proxy = proxy
        let settings = try Self.settings(configuration)
        // FOLLOWLOCATION, NOSIGNAL, SUPPRESS_CONNECT_HEADERS (also for a proxy from the environment), PROTOCOLS_STR.
        for (option, value) in [(52, "0"), (99, "1"), (265, "1"), (10318, "Optional(\"https\")")] {
            #expect(settings.contains { $0.contains("(rawValue: \(option))") && $0.hasSuffix(", \(value))") })
        }
    }

    @Test(
        "Name and address of a renamed server",
        arguments: [
            ("10.0.0.1", "name", "https://name:6443", "name:6443:10.0.0.1:6443", "10.0.0.1:6443"),
            ("fd00::1", "name", "https://name:6443", "name:6443:[fd00::1]:6443", "[fd00::1]:6443"),
            ("name", "10.0.0.1", "https://10.0.0.1:6443", "10.0.0.1:6443:name:6443", "name:6443"),
        ])
    func renamed(host: String, name: String, url: String, mapping: String, header: String) throws {
        var configuration = endpoint(host)
        configuration.tls.serverName = name
        let options = try CurlOptions(configuration)
        #expect(options.baseURL == url)
        #expect(options.connectTo == mapping)
        #expect(options.headerLines.contains("Host: \(header)"))
    }

    @Test("A server under its own name needs no mapping", arguments: [nil, "name"])
    func notRenamed(name: String?) throws {
        var configuration = endpoint("name", prefix: "/prefix")
        configuration.tls.serverName = name
        let options = try CurlOptions(configuration)
        #expect(options.baseURL == "https://name:6443/prefix")
        #expect(options.connectTo == nil)
        #expect(options.headerLines == ["Expect:"])
    }

    @Test(
        "Hosts that would make another URL are refused",
        arguments: [
            "", "a b", "user@host", "host/path", "host?x", "host#x", "a%00b", "ho\nst", "[::1]", "hö",
        ])
    func badHost(host: String) {
        #expect(throws: TransportError.self) { try CurlOptions(endpoint(host)) }
        #expect(throws: TransportError.self) {
            var configuration = endpoint("fine")
            configuration.tls.serverName = host
            _ = try CurlOptions(configuration)
        }
    }

    @Test("Path prefixes that are none are refused", arguments: ["prefix", "/a?b", "/a#b", "/a b", "/ä"])
    func badPrefix(prefix: String) {
        #expect(throws: TransportError.self) { try CurlOptions(endpoint("fine", prefix: prefix)) }
    }

    @Test("Empty certificates are refused")
    func emptyCertificates() {
        for tls in [
            TLSConfiguration(trust: .certificates(pem: [])),
            TLSConfiguration(identity: .init(certificatePEM: [1], keyPEM: [])),
            TLSConfiguration(identity: .init(certificatePEM: [], keyPEM: [1])),
        ] {
            var configuration = endpoint("fine")
            configuration.tls = tls
            #expect(throws: TransportError.self) { try CurlOptions(configuration) }
        }
    }

    @Test(
        "Proxies: the scheme decides, and names are looked up by the proxy",
        arguments: [
            ("http://proxy:3128", "http://proxy:3128"), ("https://proxy", "https://proxy"),
            ("socks5://me:secret@proxy:1080", "socks5h://me:secret@proxy:1080"),
            ("socks5h://proxy", "socks5h://proxy"), ("ftp://proxy", nil), ("proxy:3128", nil), ("", nil),
            ("http://pro xy", nil),
        ] as [(String, String?)])
    func proxies(proxy: String, expected: String?) throws {
        var configuration = endpoint("127.0.0.1")
        configuration.proxy = proxy
        guard let expected else {
            #expect(throws: TransportError.self) { try CurlOptions(configuration) }
            return
        }
        let settings = try Self.settings(configuration)
        // The numbers of PROXY and NOPROXY: a configured proxy is for every host, loopback included.
        #expect(settings.contains { $0.contains("(rawValue: 10004)") && $0.contains("\"\(expected)\"") })
        #expect(settings.contains { $0.contains("(rawValue: 10177)") && $0.contains("\"\"") })
    }

    @Test(
        "Without a configured proxy this machine itself is never reached through one",
        arguments: [("127.0.0.1", true), ("localhost", true), ("::1", true), ("10.0.0.1", false)])
    func loopback(host: String, isDirect: Bool) throws {
        let settings = try Self.settings(endpoint(host))
        #expect(settings.contains { $0.contains("(rawValue: 10177)") && $0.contains("\"*\"") } == isDirect)
    }

    @Test(
        "Durations become whole milliseconds, rounded up and within what libcurl takes",
        arguments: [
            (Duration.zero, 0), (.nanoseconds(1), 1), (.milliseconds(5), 5), (.microseconds(5001), 6),
            (.seconds(-1), 0), (.seconds(1 << 40), Int(Int32.max)),
        ])
    func milliseconds(duration: Duration, expected: Int) {
        #expect(duration.roundedUpMilliseconds == expected)
    }
}
