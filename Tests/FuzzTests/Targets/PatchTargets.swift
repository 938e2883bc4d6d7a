// SPDX-License-Identifier: Apache-2.0
import StructuredData
import Talos

extension FuzzTarget {
    private static let patchWords = [
        "---\n", "machine:\n", "  network:\n", "    interfaces:\n", "      - interface: eth0\n",
        "        $patch: delete\n",
        "{$patch: delete}", "hostname: ", "  sysctls: {a: b}\n", "apiVersion: v1alpha1\n",
        "kind: LinkConfig\n",
        "name: eth0\n", "mtu: 9000\n", "kind: BondConfig\n", "- op: ", "add", "remove", "replace", "move",
        "copy", "test",
        "  path: /machine", "  from: /machine", "/network", "/interfaces", "/0", "/-", "~1", "\n  value: ",
        "null", "{}",
        "[]", "''", "0", "version: v1alpha1\n",
        "cluster: {apiServer: {auditPolicy: {}, admissionControl: []}}\n",
    ]

    static let patching = [FuzzTarget("config-patch", words: patchWords, patch)]

    private static let base = """
        machine:
          type: worker
          network:
            hostname: a
            interfaces: [{interface: eth0, addresses: [10.0.0.1/24], vlans: [{vlanId: 1}]}]
          sysctls: {a: "1", b: "2"}
          ca: {crt: YQ==, key: Yg==}
          kubelet: {extraArgs: {v: "1"}, extraConfig: {a: {b: [1]}}}
        cluster:
          apiServer: {auditPolicy: {kind: Policy}, admissionControl: [{name: A, configuration: {}}]}

        """
    private static let link = "---\napiVersion: v1alpha1\nkind: LinkConfig\nname: eth0\nmtu: 1500\n"

    /// A layer is applied as a whole or not at all; what comes out is a configuration that Talos reads, and of which
    /// every value's origin is known.
    ///
    /// The first byte chooses the version, and whether there is more than one document.
    private static func patch(_ bytes: [UInt8]) throws {
        let choice = Int(bytes.first ?? 0)
        let version = TalosVersion(minor: 3 + choice % 11)
        let hasLink = version >= TalosVersion(minor: 12) && choice & 0x80 != 0
        let text = hasLink ? base + link : base
        var configuration = try MachineConfiguration(reading: text, source: "base", version: version)
        let before = configuration.yaml()
        do throws(ConfigProblems) {
            let layer = Layer(name: "layer", content: .text(Array(bytes.dropFirst()).text))
            try configuration.apply(try ConfigPatch(layer, number: 1, version: version))
        } catch {
            try require((1...ConfigProblems.limit).contains(error.problems.count), "some problems are named")
            try require(error.problems.allSatisfy { $0.source == "layer" }, "\(error) is of the layer")
            try require(configuration.yaml() == before, "nothing is changed")
            return
        }
        guard !configuration.documents.isEmpty else { return }
        let written = configuration.yaml()
        let again = try MachineConfiguration(reading: written, source: "written", version: version)
        try require(again.yaml() == written, "reads back as the same: \(written)")
        let provenance = Provenance(configuration, layerNames: ["base", "layer"])
        let entries = provenance.entries
        try require(
            Set(entries.map(\.path)).count == entries.count, "has every path once: \(provenance.text)")
        try require(
            provenance.summary.reduce(0) { $0 + $1.values } == entries.count { !$0.isRemoved },
            "counts every value")
    }
}
