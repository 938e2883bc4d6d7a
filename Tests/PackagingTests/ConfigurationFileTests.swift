// SPDX-License-Identifier: Apache-2.0
import Platform
import StructuredData
import TestSupport
import Testing

@Suite("Configuration files")
struct ConfigurationFileTests {
    @Test(
        "Every document in config names what it is",
        arguments: ["crd", "default", "manager", "manifests", "network-policy", "rbac", "samples"])
    func documents(folder: String) throws {
        let path = "\(Repository.root)/config/\(folder)"
        let files = try FileSystem.list(path).filter { $0.hasSuffix(".yaml") }
        #expect(!files.isEmpty)
        for file in files {
            for document in try YAML.documents(FileSystem.read("\(path)/\(file)", limit: 1 << 20)) {
                #expect(document["apiVersion"]?.string?.isEmpty == false, "\(file)")
                #expect(document["kind"]?.string?.isEmpty == false, "\(file)")
            }
        }
    }
}
