// SPDX-License-Identifier: Apache-2.0
import Kubernetes
import PKI
import Platform
import StructuredData
import Talos
import Testing

@testable import ClusterController

@Suite("The Secrets of clusters")
struct ClusterSecretTests {
    private func desired(_ value: String = "canary") -> DesiredSecret {
        DesiredSecret(
            ObjectKey(namespace: "default", name: "s"), of: Fixture.cluster(), labels: ["a": "b"],
            annotations: ["cluster.vitistack.io/x": "y"], value: value)
    }

    private func stored(_ patch: String = "{}", _ secret: DesiredSecret? = nil) throws -> ClusterSecret {
        try ClusterSecret(
            (secret ?? desired()).document(uid: "u").mergePatched(with: Fixture.json(patch)))
    }

    @Test("The cache keeps metadata of ours and a digest, and nothing that a Secret holds")
    func cache() throws {
        let secret = try stored(
            #"{"metadata": {"labels": {"cluster.vitistack.io/a": "1"}, "annotations": {"other": "x"}}}"#)
        #expect(secret.digest == SHA256.hexadecimal(of: Array("canary".utf8)))
        #expect(secret.metadata.labels == ["cluster.vitistack.io/a": "1"])
        #expect(secret.metadata.annotations == ["cluster.vitistack.io/x": "y"])
        #expect(!String(reflecting: secret).contains("canary"))
        #expect(try stored(#"{"data": null}"#).digest.isEmpty)
        #expect(try stored(#"{"data": {"value": "%"}}"#).digest.isEmpty)
    }

    @Test("What holds a secret shows it to nobody")
    func redacted() throws {
        let opened = try OpenedSecret(desired().document())
        #expect(opened.value == Array("canary".utf8))
        for text in ["\(opened)", String(reflecting: opened), "\(desired())", String(reflecting: desired())] {
            #expect(!text.contains("canary") && !text.contains(Base64.encode(Array("canary".utf8))))
        }
        var dumped = ""
        dump(opened, to: &dumped)
        dump(desired(), to: &dumped)
        #expect(!dumped.contains("canary") && !dumped.contains("99"))
    }

    @Test(
        "A Secret is as it should be if text, owner and our metadata are",
        arguments: [
            ("{}", true), (#"{"metadata": {"labels": {"cluster.vitistack.io/more": "x"}}}"#, true),
            (#"{"data": {"value": "YQ=="}}"#, false), (#"{"data": null}"#, false),
            (#"{"metadata": {"annotations": null}}"#, false),
            (#"{"metadata": {"ownerReferences": null}}"#, false),
        ])
    func matching(patch: String, isMatched: Bool) throws {
        let secret = DesiredSecret(
            ObjectKey(namespace: "default", name: "s"), of: Fixture.cluster(),
            labels: ["cluster.vitistack.io/a": "b"], annotations: ["cluster.vitistack.io/x": "y"],
            value: "canary")
        #expect(secret.face.isMatched(by: try stored(patch, secret)) == isMatched)
        #expect(!secret.face.isMatched(by: nil))
    }

    @Test(
        "A credential is renewed at half of its life, and at once if it is not what it should be",
        arguments: [
            ("{}", true),
            (#"{"metadata": {"annotations": {"cluster.vitistack.io/issued-for": "q"}}}"#, false),
            (#"{"metadata": {"annotations": {"cluster.vitistack.io/certificate-expiry": "soon"}}}"#, false),
            (#"{"metadata": {"annotations": {"cluster.vitistack.io/config-digest": "0"}}}"#, false),
            (#"{"data": {"value": "YQ=="}}"#, false), (#"{"metadata": {"ownerReferences": null}}"#, false),
        ])
    func renewal(patch: String, isGood: Bool) throws {
        let expiry = Fixture.noon + ClientCredential.lifetime
        let secret = DesiredSecret(
            ObjectKey(namespace: "default", name: "s"), of: Fixture.cluster(), labels: [:],
            annotations: [
                APINames.expiryAnnotation: expiry.rfc3339(), APINames.issuedForAnnotation: "p",
                APINames.configDigestAnnotation: SHA256.hexadecimal(of: Array("text".utf8)),
            ], value: "text")
        let face = SecretFace(
            key: secret.key, labels: [:], digest: "", owner: Fixture.cluster().ownerReference)
        let renewal = ClientCredential.renewal(
            of: try stored(patch, secret), face, purpose: "p", at: Fixture.noon)
        #expect(renewal == (isGood ? Fixture.noon + .seconds(12 * 3600) : nil))
        #expect(ClientCredential.renewal(of: nil, face, purpose: "p", at: Fixture.noon) == nil)
        // The clock that issued it was a little ahead, or so far that it is not good yet.
        for (ahead, isKept) in [(299, true), (301, false)] {
            let now = Fixture.noon + .seconds(-ahead)
            let renewal = ClientCredential.renewal(
                of: try stored(patch, secret), face, purpose: "p", at: now)
            #expect((renewal != nil) == (isGood && isKept))
        }
    }

    @Test("A bundle's identity is that of its authorities, and tells none of its keys")
    func identity() throws {
        var bundle = try SecretsBundle.generate(for: TalosVersion(minor: 5), at: Fixture.noon)
        let identity = bundle.identity
        bundle.trustdToken = "another"
        bundle.secretboxEncryptionSecret = nil
        #expect(bundle.identity == identity && identity.count == 64)
        bundle.kubernetes.crt.append(0)
        #expect(bundle.identity != identity)
    }
}
