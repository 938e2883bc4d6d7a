// SPDX-License-Identifier: Apache-2.0
package import Talos

/// The images of Kubernetes' components as a machine configuration names them.
///
/// They have an upgrade of their own: a configuration that is applied keeps those that the node runs.
package enum KubernetesImages {
    /// Where a component's image stands in the document without a kind.
    static func path(of component: KubernetesComponent) -> [String] {
        switch component {
        case .apiServer: ["cluster", "apiServer", "image"]
        case .controllerManager: ["cluster", "controllerManager", "image"]
        case .scheduler: ["cluster", "scheduler", "image"]
        case .proxy: ["cluster", "proxy", "image"]
        case .kubelet: ["machine", "kubelet", "image"]
        }
    }

    /// The images that a configuration names; a component without one is missing.
    package static func images(of configuration: MachineConfiguration) -> [KubernetesComponent: String] {
        var images: [KubernetesComponent: String] = [:]
        for component in KubernetesComponent.allCases {
            let node = path(of: component).reduce(configuration.machine?.root) { node, key in node?[key] }
            if let image = node?.string, !image.isEmpty { images[component] = image }
        }
        return images
    }

    /// The configuration with other images.
    ///
    /// Nil takes one out. Components that are not named stay as they are.
    package static func setting(
        _ images: [KubernetesComponent: String?], in configuration: MachineConfiguration
    ) -> MachineConfiguration {
        var copy = configuration
        guard let index = copy.documents.firstIndex(where: { $0.identity == .machine }) else { return copy }
        for (component, image) in images {
            copy.documents[index].root = copy.documents[index].root.setting(
                path(of: component)[...], to: image.map { ConfigNode(.string($0)) })
        }
        return copy
    }

    /// The configuration with the images that the live one names; those that it does not name stay.
    package static func keeping(
        _ live: MachineConfiguration, in desired: MachineConfiguration
    ) -> MachineConfiguration {
        setting(images(of: live).mapValues(Optional.some), in: desired)
    }

    /// The configuration with the same images of another release.
    package static func setting(
        _ release: Release, in configuration: MachineConfiguration
    ) -> MachineConfiguration {
        setting(
            images(of: configuration).mapValues { KubernetesImage.image($0, of: release) }, in: configuration)
    }

    /// The configuration without any of these images.
    static func removed(from configuration: MachineConfiguration) -> MachineConfiguration {
        setting(images(of: configuration).mapValues { _ in nil }, in: configuration)
    }
}

extension MachineConfiguration {
    /// The document without a kind.
    fileprivate var machine: ConfigDocument? { document(.machine) }
}

extension ConfigNode {
    /// The value with another one at a path of keys; nil takes it out, and then no map is made on the way.
    fileprivate func setting(_ path: ArraySlice<String>, to node: ConfigNode?) -> ConfigNode {
        guard let key = path.first else { return node ?? self }
        var copy = self
        var members = members ?? []
        let index = members.firstIndex { $0.key == key }
        let rest = path.dropFirst()
        if rest.isEmpty, node == nil {
            if let index { members.remove(at: index) }
        } else if let index {
            members[index].node = members[index].node.setting(rest, to: node)
        } else if node != nil {
            members.append(Member(key: key, node: ConfigNode(.map([])).setting(rest, to: node)))
        } else {
            return self
        }
        copy.value = .map(members)
        return copy
    }
}
