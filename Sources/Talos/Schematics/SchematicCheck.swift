// SPDX-License-Identifier: Apache-2.0
import StructuredData

/// Looks for what a factory would refuse when it builds the image, or would misunderstand.
struct SchematicCheck {
    let source: String
    private(set) var problems: [ConfigProblem] = []

    init(source: String) {
        self.source = source
    }

    /// The schematic with words in the factory's spelling.
    mutating func schematic(_ root: ConfigNode) -> ConfigNode {
        overlay(root["overlay"])
        guard let customization = root["customization"] else { return root }
        let path = FieldPath("customization")
        for (index, argument) in (customization["extraKernelArgs"]?.list ?? []).enumerated()
        where argument.string?.isEmpty ?? true {
            report("must not be empty", argument, path.appending("extraKernelArgs").appending(index))
        }
        meta(customization["meta"], path.appending("meta"))
        extensions(
            customization["systemExtensions"]?["officialExtensions"],
            path.appending("systemExtensions").appending("officialExtensions"))
        let enrollment = ["off", "manual", "if-safe", "force"]
        if let keys = customization["secureboot"]?["enrollKeys"], !enrollment.contains(keys.string ?? "") {
            report(
                "must be one of \(enrollment.joined(separator: ", "))", keys,
                path.appending("secureboot").appending("enrollKeys"))
        }
        return bootloader(of: root, path.appending("bootloader"))
    }

    private mutating func report(_ problem: String, _ node: ConfigNode, _ path: FieldPath) {
        let line = node.origin.line > 0 ? Int(node.origin.line) : nil
        problems.append(ConfigProblem(source: source, line: line, path: path, problem: problem))
    }

    private mutating func overlay(_ overlay: ConfigNode?) {
        guard let overlay, let members = overlay.members, !members.isEmpty else { return }
        if overlay["name"]?.string?.isEmpty ?? true || overlay["image"]?.string?.isEmpty ?? true {
            report("must have both a name and an image", overlay, FieldPath("overlay"))
        }
    }

    private mutating func meta(_ meta: ConfigNode?, _ path: FieldPath) {
        var keys: Set<Int64> = []
        for (index, value) in (meta?.list ?? []).enumerated() {
            let path = path.appending(index)
            guard let key = value["key"]?.integer else {
                report("must have a key of 0 to 255", value, path)
                continue
            }
            if !keys.insert(key).inserted {
                report("stands twice: \(key)", value["key"] ?? value, path.appending("key"))
            }
        }
    }

    private mutating func extensions(_ extensions: ConfigNode?, _ path: FieldPath) {
        var names: Set<String> = []
        for (index, element) in (extensions?.list ?? []).enumerated() {
            let name = element.string ?? ""
            if !Self.isExtensionName(name) {
                report(
                    "must be a name without version, such as siderolabs/iscsi-tools", element,
                    path.appending(index))
            } else if !names.insert(name).inserted {
                report("stands twice: \(name)", element, path.appending(index))
            }
        }
    }

    /// A repository's path: words with slashes between, at least one, and no tag.
    private static func isExtensionName(_ name: String) -> Bool {
        let characters = Set("abcdefghijklmnopqrstuvwxyz0123456789-_.".utf8)
        let words = name.split(separator: "/", omittingEmptySubsequences: false)
        return words.count > 1 && words.allSatisfy { !$0.isEmpty && $0.utf8.allSatisfy(characters.contains) }
    }

    /// The factory does not mind upper case, and leaves its default out.
    private mutating func bootloader(of root: ConfigNode, _ path: FieldPath) -> ConfigNode {
        guard let customization = root["customization"], let bootloader = customization["bootloader"] else {
            return root
        }
        let known = ["none", "dual-boot", "sd-boot", "grub"]
        let name = bootloader.string?.lowercased() ?? ""
        if !known.contains(name) {
            report("must be one of \(known.joined(separator: ", "))", bootloader, path)
        }
        let written = ConfigNode(.string(name == "none" ? "" : name), origin: bootloader.origin)
        return root.setting("customization", to: customization.setting("bootloader", to: written))
    }
}

extension ConfigNode {
    /// This map with another value for a key that it has.
    fileprivate func setting(_ key: String, to node: ConfigNode) -> ConfigNode {
        var copy = self
        copy.value = .map(
            (members ?? []).map { $0.key == key ? Member(key: key, node: node) : $0 })
        return copy
    }
}
