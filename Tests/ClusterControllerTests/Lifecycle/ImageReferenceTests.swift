// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
import Testing

@testable import ClusterController

@Suite("Names of images")
struct ImageReferenceTests {
    @Test(
        "Another release comes from the same place and in the same flavour",
        arguments: [
            ("registry.k8s.io/kube-apiserver:v1.33.1", "registry.k8s.io/kube-apiserver:v1.34.0"),
            ("ghcr.io/siderolabs/kubelet:v1.33.1-fat", "ghcr.io/siderolabs/kubelet:v1.34.0-fat"),
            ("ghcr.io/siderolabs/kubelet:v1.33.1-slim@sha256:ab", "ghcr.io/siderolabs/kubelet:v1.34.0-slim"),
            ("mirror.local:5000/a/b/kube-proxy:v1.33.1", "mirror.local:5000/a/b/kube-proxy:v1.34.0"),
            ("mirror.local:5000/kube-proxy", "mirror.local:5000/kube-proxy:v1.34.0"),
            ("kube-proxy@sha256:ab", "kube-proxy:v1.34.0"),
        ])
    func with(_ image: String, _ expected: String) throws {
        let release = try #require(Release("v1.34.0"))
        #expect(ImageReference(image).description == image)
        #expect(ImageReference(image).with(release).description == expected)
    }

    @Test(
        "The release is that of the tag",
        arguments: [
            ("registry.k8s.io/kube-apiserver:v1.33.1", "v1.33.1"), ("kubelet:v1.33.1-fat", "v1.33.1"),
            ("kubelet:v1.34.0-rc.1", "v1.34.0-rc.1"), ("kubelet:v1.34.0-rc.1-slim", "v1.34.0-rc.1"),
            ("mirror.local:5000/kubelet", nil), ("kubelet:latest", nil), ("kubelet@sha256:ab", nil),
            ("", nil),
        ] as [(String, String?)])
    func release(_ image: String, _ expected: String?) {
        #expect(ImageReference(image).release?.description == expected)
    }
}
