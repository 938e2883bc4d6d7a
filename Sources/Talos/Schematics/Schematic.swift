// SPDX-License-Identifier: Apache-2.0
import PKI
package import StructuredData

/// What an Image Factory builds into Talos' images: system extensions, kernel arguments and the like.
package struct Schematic: Sendable, Hashable {
    /// The document as the factory writes it: fields in its order, what is empty left out.
    package let canonicalYAML: String
    /// Names without versions, such as `siderolabs/iscsi-tools`, in the order written.
    package let officialExtensions: [String]

    /// The schematic's name at the factory: the digest of ``canonicalYAML`` in 64 hexadecimal digits.
    ///
    /// The factory has no images for it before somebody has registered the document there.
    package var id: String { SHA256.hexadecimal(of: Array(canonicalYAML.utf8)) }

    /// Whether nothing is asked for that the images of everybody have not.
    package var isVanilla: Bool { self == Schematic() }

    /// The schematic of the images of everybody.
    package init() {
        canonicalYAML = "customization: {}\n"
        officialExtensions = []
    }

    /// Reads a factory's document, as strictly as the factory does: an unknown key is a problem.
    package init(reading text: String, source: String = "schematic") throws(ConfigProblems) {
        let documents: [YAMLNode?]
        do throws(YAMLError) {
            documents = try YAML.nodes(Array(text.utf8), limits: MachineConfiguration.limits)
        } catch {
            throw ConfigProblems(ConfigProblem(source: source, yaml: error))
        }
        guard documents.count <= 1 else {
            throw ConfigProblems(
                ConfigProblem(source: source, problem: "must be one document, not \(documents.count)"))
        }
        guard let document = documents.first ?? nil else {
            throw ConfigProblems(
                ConfigProblem(
                    source: source, problem: "is empty; {} is the schematic of the images of everybody"))
        }
        try self.init(reading: document, source: source)
    }

    /// The same of a value.
    package init(reading value: JSONValue, source: String = "schematic") throws(ConfigProblems) {
        try self.init(reading: YAMLNode(value), source: source)
    }

    private init(reading node: YAMLNode, source: String) throws(ConfigProblems) {
        var decoder = ConfigDecoder(source: source, reader: "a schematic")
        let root = decoder.value(node, as: .object(Self.type)) ?? ConfigNode(.map([]))
        guard decoder.problems.isEmpty else {
            throw ConfigProblems(decoder.problems.map(\.withoutDocument))
        }
        var check = SchematicCheck(source: source)
        let checked = check.schematic(root)
        guard check.problems.isEmpty else { throw ConfigProblems(check.problems) }
        var encoder = ConfigEncoder()
        encoder.document(ConfigDocument(kind: Self.kind, root: checked))
        canonicalYAML = String(decoding: encoder.writer.text, as: UTF8.self)
        officialExtensions =
            root["customization"]?["systemExtensions"]?["officialExtensions"]?.list?.compactMap(\.string)
            ?? []
    }
}

extension Schematic {
    /// What the factory writes a schematic from.
    private static let kind = DocumentKind(
        kind: nil, isNamed: false, since: TalosVersion.supported.lowerBound, type: type)

    /// The fields of the document in the factory's order.
    private static let type = SchemaTable([
        """
        schematic
          owner          string
          overlay        overlay        value
          customization  customization  value always
        overlay
          image    string  always
          name     string  always
          options  any
        customization
          embeddedMachineConfiguration  string            secret
          extraKernelArgs               [string]
          meta                          [meta]
          systemExtensions              systemExtensions  value
          bootloader                    string
          secureboot                    secureboot        value
          diskImage                     diskImage         value
        meta
          key    uint8   always
          value  string  always
        systemExtensions
          officialExtensions  [string]
        secureboot
          enrollKeys                    string
          includeWellKnownCertificates  bool
        diskImage
          sectorSize  uint32
        """
    ]).type("schematic")
}

extension ConfigProblem {
    /// The same of a text that can have no more than one document.
    fileprivate var withoutDocument: ConfigProblem {
        var problem = self
        problem.document = nil
        return problem
    }
}
