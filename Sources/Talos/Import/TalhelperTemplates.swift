// SPDX-License-Identifier: Apache-2.0
import StructuredData

/// What talhelper's templates become: variables where they are made of fields that there are variables for,
/// otherwise what they say for each node.
///
/// They see the configuration that a patch is for, of which an import knows only what comes from `talconfig.yaml`.
extension TalhelperImport {
    /// Variables in a value whose other text is escaped later on; these two are in private use, and no font has them.
    private static let opening = "\u{10FFFC}"
    private static let closing = "\u{10FFFD}"

    /// The text with the variables that a value was marked with.
    static func withVariables(_ text: String) -> String {
        text.replacing(opening, with: "${").replacing(closing, with: "}")
    }

    private static func marked(_ keys: [String]) -> String? {
        TalhelperFields.variable(keys).map { variable in
            variable.replacing("${", with: opening).replacing("}", with: closing)
        }
    }

    /// Labels or annotations whose templates are variables or values; others are left out, which the report says.
    mutating func withoutTemplates(
        _ object: JSONObject, _ key: String, of place: ImportedObject, for index: Int
    ) throws(ConfigProblems) -> JSONObject {
        var result = JSONObject()
        for member in object.members {
            guard let text = member.value.string, text.contains("{{") else {
                result[member.key] = member.value
                continue
            }
            if let layer = Self.template(text)?.asLayer(escaping: false, Self.marked) {
                result[member.key] = .string(layer)
                continue
            }
            let path = "\(place.path.appending(key).appending(member.key))"
            do throws(ConfigProblems) {
                result[member.key] = .string(try evaluated(text, in: configuration.file, for: index))
                noteOnce(.changed, path, "its template was evaluated for each node")
            } catch {
                noteOnce(.lost, path, "its template cannot be evaluated: \(Self.reason(error))")
            }
        }
        return result
    }

    private mutating func noteOnce(_ kind: ImportNote.Kind, _ path: String, _ reason: String) {
        let note = ImportNote(kind, file: configuration.file, path: path, reason: reason)
        if !draft.notes.contains(note) { draft.note(note) }
    }

    private static func reason(_ error: ConfigProblems) -> String {
        error.problems.first?.problem ?? ""
    }

    private static func template(_ text: String) -> GoTemplate? {
        do throws(GoTemplate.Problem) {
            return try GoTemplate(text)
        } catch {
            return nil
        }
    }

    /// What a template says for a node.
    func evaluated(_ text: String, in file: String, for index: Int) throws(ConfigProblems) -> String {
        let context = try context(index)
        do throws(GoTemplate.Problem) {
            return try GoTemplateEvaluation.text(
                of: try GoTemplate(text), root: .object(context), environment: environment.variables)
        } catch {
            throw ConfigProblems(ConfigProblem(source: file, line: error.line, problem: error.reason))
        }
    }

    /// What templates see, by the names that the fields have in Go.
    private func context(_ index: Int) throws(ConfigProblems) -> JSONObject {
        let node = nodes[index]
        var network = JSONObject()
        if try node.flag("ignoreHostname") != true {
            network["NetworkHostname"] = .string(draft.nodes[index].host)
        }
        var install: JSONObject = ["InstallImage": .string(try image(index, version: talosVersion))]
        install["InstallDisk"] = node.object["installDisk"]
        var clusterNetwork = JSONObject()
        clusterNetwork["DNSDomain"] = configuration.object["domain"]
        clusterNetwork["PodSubnet"] = configuration.object["clusterPodNets"]
        clusterNetwork["ServiceSubnet"] = configuration.object["clusterSvcNets"]
        return [
            "MachineConfig": [
                "MachineType": .string(draft.nodes[index].isControlPlane ? "controlplane" : "worker"),
                "MachineNetwork": .object(network), "MachineInstall": .object(install),
            ],
            "ClusterConfig": [
                "ClusterName": .string(draft.name), "ClusterNetwork": .object(clusterNetwork),
                "ControlPlane": ["Endpoint": .string(try configuration.required("endpoint"))],
            ],
            "TalConfig": .object(talConfig),
        ]
    }

    /// `talconfig.yaml` as templates see it, where a field of a node that is absent has its empty value.
    private var talConfig: JSONObject {
        var object = Self.goNames(configuration.object)
        object["Nodes"] = .array(
            nodes.map { node in
                var fields: JSONObject = ["IPAddress": "", "ControlPlane": false, "InstallDisk": ""]
                for member in Self.goNames(node.object).members { fields[member.key] = member.value }
                // A method there, whose call reads as a field does.
                fields["GetIPAddresses"] = .array(Self.addresses(fields["IPAddress"]?.string ?? ""))
                return .object(fields)
            })
        return object
    }

    /// The parts of a list with commas, without the blanks around them.
    private static func addresses(_ list: String) -> [JSONValue] {
        list.split(separator: ",", omittingEmptySubsequences: false).map { part in
            var text = part.drop { $0.isWhitespace }
            while text.last?.isWhitespace == true { text.removeLast() }
            return .string(String(text))
        }
    }

    private static func goNames(_ object: JSONObject) -> JSONObject {
        let irregular = ["ipAddress": "IPAddress", "cniConfig": "CNIConfig"]
        return JSONObject(
            object.members.map { member in
                let name = irregular[member.key] ?? member.key.prefix(1).uppercased() + member.key.dropFirst()
                return JSONObject.Member(key: name, value: member.value)
            })
    }
}

extension TalhelperImport {
    /// Adds a patch that is a template: with variables, or as it reads for each node.
    ///
    /// Files get the values of environment variables after that, as in talhelper; the texts in `talconfig.yaml` have
    /// them already.
    mutating func addTemplate(_ patch: TalhelperPatch) throws(ConfigProblems) {
        if Self.template(patch.text)?.asLayer(TalhelperFields.variable) != nil {
            let substituted = try substituted(patch, patch.text)
            if let text = Self.template(substituted)?.asLayer(TalhelperFields.variable), Self.isObject(text) {
                return draft.add(text, named: patch.name, isSecret: patch.isSecret, to: patch.scope)
            }
        }
        var texts: [(index: Int, text: String)] = []
        for index in draft.nodes.indices where draft.scopes(of: index).contains(patch.scope) {
            let text: String
            do throws(ConfigProblems) {
                text = try evaluated(patch.text, in: patch.name, for: index)
            } catch {
                lose(patch.place, "its {{ … }} are left as they stand: \(Self.reason(error))")
                return try addPlain(patch)
            }
            texts.append((index, try substituted(patch, text)))
        }
        try addEvaluated(patch, texts)
    }

    private mutating func addEvaluated(
        _ patch: TalhelperPatch, _ texts: [(index: Int, text: String)]
    ) throws(ConfigProblems) {
        guard let first = texts.first else { return }
        var patch = patch
        patch.isSubstituted = true
        if texts.allSatisfy({ $0.text == first.text }) {
            change(patch.place, "its template was evaluated, and says the same for all of its nodes")
            patch.text = first.text
            return try addPlain(patch)
        }
        change(
            patch.place,
            "its template was evaluated for each node, and its layers are those of the machines, "
                + "above all that is common to them")
        for (index, text) in texts {
            patch.text = text
            patch.scope = .machine(draft.machineName(index))
            try addPlain(patch)
        }
    }

    /// The text with the values of environment variables, if it has not got them yet.
    func substituted(_ patch: TalhelperPatch, _ text: String) throws(ConfigProblems) -> String {
        guard !patch.isSubstituted else { return text }
        return try environment.substituted(
            SourceFile(path: patch.name, text: text, wasEncrypted: patch.isSecret))
    }

    /// Whether the text is still YAML with variables in it, and no list of operations.
    private static func isObject(_ text: String) -> Bool {
        do throws(YAMLError) {
            return try YAML.imported(text).allSatisfy { $0 == .null || $0.object != nil }
        } catch {
            return false
        }
    }
}
