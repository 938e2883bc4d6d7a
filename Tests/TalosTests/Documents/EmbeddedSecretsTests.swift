// SPDX-License-Identifier: Apache-2.0
import StructuredData
import Talos
import Testing

@Suite("Secrets in the middle of other fields")
struct EmbeddedSecretsTests {
    @Test(
        "Users of URLs and values of arguments whose key names a secret are hidden, and nothing else is",
        arguments: [
            ("https://user:c4n4ry@mirror.example:5000/v2", "https://******@mirror.example:5000/v2"),
            ("https://c4n4ry@mirror.example", "https://******@mirror.example"),
            ("a http://u:c@4n4ry@h, b https://u:c4n4ry@h", "a http://******@h, b https://******@h"),
            ("parse \"https://u:c4n4ry@h\": bad", "parse \"https://******@h\": bad"),
            ("https://mirror.example/@scope?x=a@b", "https://mirror.example/@scope?x=a@b"),
            ("https://h/config?token=c4n4ry&arch=amd64", "https://h/config?token=******&arch=amd64"),
            ("vendor.admin-password=c4n4ry", "vendor.admin-password=******"),
            ("console=ttyS0 API_KEY='c4 n4ry' quiet", "console=ttyS0 API_KEY=****** quiet"),
            ("wifi.psk=c4n4ry", "wifi.psk=******"), ("x.pass=c4n4ry=", "x.pass=******"),
            ("rd.luks.key=/etc/key", "rd.luks.key=/etc/key"),
            ("keyfile.token=/etc/key", "keyfile.token=/etc/key"),
            ("net.ifnames=0", "net.ifnames=0"), ("TokenRequest=true", "TokenRequest=true"),
            ("compass=c", "compass=c"), ("token=", "token="), ("=c", "=c"), ("://@", "://******@"), ("", ""),
        ])
    func texts(_ text: String, _ shown: String) {
        #expect(text.withoutEmbeddedSecrets == shown)
    }

    private func configuration(_ password: String) throws -> MachineConfiguration {
        try MachineConfiguration(
            reading: """
                machine:
                  type: worker
                  install: {extraKernelArgs: [console=ttyS0, "agent.token=\(password)"]}
                  registries: {mirrors: {docker.io: {endpoints: ["https://user:\(password)@mirror.example"]}}}
                """, source: "", version: TalosVersion(minor: 9))
    }

    @Test("Neither a difference nor a redacted configuration shows them, and that they have changed is told")
    func shown() throws {
        let (old, new) = (try configuration("c4n4ry1"), try configuration("c4n4ry2"))
        let difference = ConfigDifference(from: old, to: new)
        #expect(difference.entries.count >= 2)
        for text in [difference.text(), "\(difference.json)", new.redacted().yaml()] {
            #expect(!text.contains("c4n4ry") && text.contains("agent.token=******"), "\(text)")
            #expect(text.contains("https://******@mirror.example"), "\(text)")
        }
    }

    @Test("A problem of a configuration does not quote them")
    func problems() {
        let problem = ConfigProblem(source: "x", problem: "must not be https://u:c4n4ry@h")
        #expect(problem.description == "x: must not be https://******@h")
    }
}
