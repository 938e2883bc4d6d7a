// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Talos

@Suite("What versions of Talos differ in")
struct VersionFeaturesTests {
    /// What comes and goes from each version to the next, as one reads it off their generated files.
    static let changes:
        [(version: Int, new: Set<VersionFeatures.Feature>, gone: Set<VersionFeatures.Feature>)] = [
            (4, [], []),
            (5, [.diskQuotaSupport], []),
            (6, [.kubePrism], []),
            (7, [.hostDNS, .rsaServiceAccountKey], []),
            (8, [.kubeDNSForwarding, .excludedFromLoadBalancers, .clusterNameOfWorkers, .patchDelete], []),
            (9, [], []),
            (10, [.platformInstallers], []),
            (11, [], []),
            (
                12, [.ukiCommandLine, .networkDocuments],
                [
                    .accessFeatures, .stableHostnameFeature, .endpointInCertificate, .podSecurityPolicySwitch,
                    .registriesOfMachine,
                ]
            ),
            (13, [.kubeSpanDocument], [.networkOfMachine]),
        ]

    @Test("each version has what the one before has, but for what changed", arguments: changes.indices)
    func changing(index: Int) {
        let change = Self.changes[index]
        let before = features(of: change.version - 1)
        let now = features(of: change.version)
        #expect(now.subtracting(before) == change.new)
        #expect(before.subtracting(now) == change.gone)
    }

    @Test("every version between the oldest and the newest is in the table")
    func complete() {
        #expect(
            Self.changes.map(\.version)
                == Array(
                    (TalosVersion.supported.lowerBound.minor + 1)...TalosVersion.supported.upperBound.minor))
    }

    @Test("versions of the future and of the past are refused, and the message says what would do")
    func refusing() throws {
        #expect(TalosVersion(minor: 3).supportProblem == nil)
        #expect(TalosVersion(minor: 13).supportProblem == nil)
        let future = try #require(TalosVersion(minor: 14).supportProblem)
        #expect(future.contains("v1.13 or older, not v1.14"))
        #expect(TalosVersion(major: 2, minor: 0).supportProblem?.contains("not v2.0") == true)
        #expect(TalosVersion(minor: 2).supportProblem == "must be v1.3 or newer, not v1.2")
    }

    private func features(of minor: Int) -> Set<VersionFeatures.Feature> {
        let features = VersionFeatures(TalosVersion(minor: minor))
        return Set(VersionFeatures.Feature.allCases.filter(features.has))
    }
}
