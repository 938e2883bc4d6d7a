// SPDX-License-Identifier: Apache-2.0
package import Kubernetes
package import Talos

/// The ConfigMaps and Secrets that may have layers in them, and who gets which.
package struct LayerCatalog: Sendable {
    /// More layers than anybody lays upon each other; an origin could name 65535.
    package static let mostLayers = 1000

    private struct Identity: Hashable {
        let kind: LayerObject.Kind
        let key: ObjectKey
    }

    private let objects: [Identity: LayerObject]
    /// Those for all clusters whose labels fit, the lowest first.
    private let operatorWide: [LayerObject]

    /// - Parameters:
    ///   - objects: all there are; those without the label that marks layers are passed over.
    ///   - operatorNamespace: where ConfigMaps are that concern all clusters; nil if there are none.
    package init(objects: [LayerObject], operatorNamespace: String?) {
        self.objects = Dictionary(objects.map { (Identity(kind: $0.kind, key: $0.key), $0) }) { $1 }
        operatorWide =
            objects.filter {
                $0.kind == .configMap && $0.key.namespace == operatorNamespace && $0.isLabelled
            }
            .sorted { ($0.rank, $0.key.name) < ($1.rank, $1.key.name) }
    }

    /// Gathers the layers of a cluster.
    ///
    /// Objects are looked for in the cluster's own namespace. Layers of Machines that the topology does not have are
    /// left out, and so are texts with nothing but comments in them.
    ///
    /// - Throws: every object that is missing, and every text in one that cannot be a layer.
    package func resolve(_ spec: ClusterSpec, for cluster: ObjectMeta) throws(ConfigProblems)
        -> ResolvedLayers
    {
        var gathering = Gathering(catalog: self, namespace: cluster.namespace)
        var layers = ResolvedLayers(
            operatorWide: operatorWide.filter { $0.concerns(cluster.labels) }
                .flatMap { gathering.layers(in: $0, for: nil) },
            cluster: gathering.layers(of: spec.patches),
            controlPlane: gathering.layers(of: spec.controlPlane.patches))
        for group in spec.workers where !group.patches.isEmpty {
            layers.workers[group.name] = gathering.layers(of: group.patches)
        }
        if !spec.machinePatches.isEmpty {
            for name in Topology(spec).nodes.map(\.name) {
                guard let sources = spec.machinePatches[name] else { continue }
                layers.machines[name] = gathering.layers(of: sources)
            }
        }
        gathering.checkCount(layers)
        guard gathering.problems.isEmpty else { throw ConfigProblems(gathering.problems) }
        return layers
    }

    /// The layers of one cluster while they are looked up.
    private struct Gathering {
        let catalog: LayerCatalog
        let namespace: String
        var problems: [ConfigProblem] = []

        mutating func layers(of sources: [LayerSource]) -> [Layer] {
            var layers: [Layer] = []
            for source in sources {
                switch source.content {
                case .inline(let content):
                    layers.append(Layer(name: source.displayName, content: content))
                case .configMap(let name, let isOptional):
                    layers += find(.configMap, name, isOptional, for: source)
                case .secret(let name, let isOptional):
                    layers += find(.secret, name, isOptional, for: source)
                }
            }
            return layers
        }

        private mutating func find(
            _ kind: LayerObject.Kind, _ name: String, _ isOptional: Bool, for source: LayerSource
        ) -> [Layer] {
            let key = ObjectKey(namespace: namespace, name: name)
            guard let object = catalog.objects[Identity(kind: kind, key: key)] else {
                if !isOptional {
                    report(
                        source.path,
                        "there is no \(kind.rawValue) \(key) with the label \(APINames.layerLabel)")
                }
                return []
            }
            guard object.isLabelled else {
                report(source.path, "\(object) needs the label \(APINames.layerLabel), with any value")
                return []
            }
            return layers(in: object, for: source)
        }

        /// Each text of an object; `source` is who refers to it, and nil for one that is found by its labels.
        mutating func layers(in object: LayerObject, for source: LayerSource?) -> [Layer] {
            if object.files.isEmpty, let source { report(source.path, "\(object) has no keys") }
            var layers: [Layer] = []
            for file in object.files {
                let name = "\(object) (\(file.name))"
                guard let text = file.text else {
                    report(name, "must be UTF-8 text")
                    continue
                }
                guard text.contains(where: { !$0.isWhitespace }) else {
                    report(name, "is empty: a layer has to change something, or have a comment")
                    continue
                }
                guard !text.hasOnlyComments else { continue }
                layers.append(Layer(name: name, content: .text(text), isSecret: object.kind == .secret))
            }
            return layers
        }

        mutating func checkCount(_ layers: ResolvedLayers) {
            let groups = ([layers.controlPlane] + Array(layers.workers.values)).map(\.count).max() ?? 0
            let machines = layers.machines.values.map(\.count).max() ?? 0
            let count = layers.shared.count + groups + machines
            guard count > LayerCatalog.mostLayers else { return }
            report(
                "",
                "there are up to \(count) layers for one machine, at most \(LayerCatalog.mostLayers) are allowed"
            )
        }

        /// An object that many refer to is wrong once.
        private mutating func report(_ source: String, _ problem: String) {
            let problem = ConfigProblem(source: source, problem: problem)
            if problems.count < ConfigProblems.limit, !problems.contains(problem) { problems.append(problem) }
        }
    }
}

extension LayerSource {
    /// As messages name it: `spec.patches[1]`, with the user's own name behind it if there is one.
    package var displayName: String { name.map { "\(path) (\($0))" } ?? path }
}

extension LayerObject {
    private static let selectors = [APINames.platformLabel, APINames.environmentLabel]

    /// Whether somebody means it to have layers.
    fileprivate var isLabelled: Bool { labels[APINames.layerLabel] != nil }

    /// What selects more narrowly lies higher: nothing, the platform, the environment, both.
    fileprivate var rank: Int {
        Self.selectors.enumerated().reduce(0) { $0 + (labels[$1.element] == nil ? 0 : 1 << $1.offset) }
    }

    /// Whether a cluster with these labels gets its layers.
    fileprivate func concerns(_ cluster: [String: String]) -> Bool {
        Self.selectors.allSatisfy { labels[$0] == nil || labels[$0] == cluster[$0] }
    }
}
