// SPDX-License-Identifier: Apache-2.0
import StructuredData
import Testing

@testable import Talos

@Suite("Variables in layers")
struct VariablesTests {
    private static let cluster = Variables.Cluster(
        name: "prod", endpoint: "https://10.0.0.1:6443", kubernetesVersion: "v1.33.0",
        talosVersion: "v1.11.2",
        schematicID: "3765",
        data: [
            "ntp": ["servers": ["a.example.com", "b.example.com"]], "port": 8080, "isOn": true,
            "ratio": .double(0.5),
            "nothing": .null, "dollar": "${cluster.name} $$", "mode": "off", "number": "0x1F",
            "text": "a: b\n- c", "labels": ["zone": "north", "rack": "r1"],
        ])
    private static let machine = Variables.Machine(
        name: "prod-worker-2", role: .worker, group: "workers", index: 2,
        data: ["labels": ["rack": "r2"], "ntp": ["servers": ["c.example.com"]], "own": 7])
    private static let variables = Variables(cluster: cluster, machine: machine)

    /// The layer as a value after substitution.
    private func json(_ yaml: String, _ variables: Variables = variables) throws -> JSONValue {
        let nodes = try variables.substitute(in: YAML.nodes(Array(yaml.utf8)), source: "layer")
        return try #require(nodes.first ?? nil).json
    }

    private func problems(_ yaml: String, _ variables: Variables = variables) throws -> [ConfigProblem] {
        let nodes = try YAML.nodes(Array(yaml.utf8))
        let error = try #require(throws: ConfigProblems.self) {
            try variables.substitute(in: nodes, source: "layer")
        }
        return error.problems
    }

    @Test(
        "every variable has its value",
        arguments: [
            ("${cluster.name}", "prod"), ("${cluster.endpoint}", "https://10.0.0.1:6443"),
            ("${kubernetesVersion}", "v1.33.0"), ("${talosVersion}", "v1.11.2"), ("${schematicID}", "3765"),
            ("${machine.name}", "prod-worker-2"), ("${machine.role}", "worker"),
            ("${machine.group}", "workers"),
            ("${machine.index}", 2), ("${data.port}", 8080), ("${data.isOn}", true),
            ("${data.ratio}", .double(0.5)),
            ("${data.nothing}", .null), ("${data.ntp.servers.0}", "c.example.com"),
        ] as [(String, JSONValue)])
    func values(variable: String, value: JSONValue) throws {
        #expect(try json("key: \(variable)") == ["key": value])
    }

    @Test("data of the machine goes before data of the cluster, key by key, lists as a whole")
    func overlaying() throws {
        #expect(try json("key: ${data.labels}") == ["key": ["zone": "north", "rack": "r2"]])
        #expect(try json("key: ${data.ntp.servers}") == ["key": ["c.example.com"]])
        #expect(
            try json("key: ${data.ntp.servers}", Variables(cluster: Self.cluster))
                == ["key": ["a.example.com", "b.example.com"]])
    }

    @Test(
        "a longer text is a string in quotes and read as a plain scalar without",
        arguments: [
            ("key: \"${data.port}\"", "8080"), ("key: '${data.isOn}'", "true"),
            ("key: ${data.port}0", 80800), ("key: ${machine.index}${machine.index}", 22),
            ("key: x${data.isOn}", "xtrue"),
            ("key: http://${cluster.name}:${data.port}/", "http://prod:8080/"),
            ("key: |\n  port ${data.port}\n", "port 8080\n"), ("key: \"${data.ratio}\"", "0.5"),
            // A value has its own type and is no text to be read.
            ("key: ${data.number}", "0x1F"), ("key: ${data.mode}", "off"),
        ] as [(String, JSONValue)])
    func texts(yaml: String, value: JSONValue) throws {
        #expect(try json(yaml) == ["key": value])
    }

    @Test("a value changes neither the structure around it nor is it looked at for variables")
    func noInjection() throws {
        #expect(try json("key: ${data.text}") == ["key": "a: b\n- c"])
        #expect(try json("key: x ${data.text}") == ["key": "x a: b\n- c"])
        #expect(try json("key: ${data.dollar}") == ["key": "${cluster.name} $$"])
        #expect(try json("key: \"<${data.dollar}>\"") == ["key": "<${cluster.name} $$>"])
    }

    @Test("dollar signs that are no variables stay, and two make one")
    func dollars() throws {
        #expect(try json("key: echo $HOME $$HOME $${data.x}") == ["key": "echo $HOME $HOME ${data.x}"])
    }

    @Test("keys have variables too, as text")
    func keys() throws {
        #expect(try json("${machine.name}-${data.port}: {x: 1}") == ["prod-worker-2-8080": ["x": 1]])
        let twice = try problems("port-8080: 1\nport-${data.port}: 2\n")
        #expect(twice.count == 1)
        #expect(twice[0].description.contains("line 2: port-8080: is a key that stands twice"))
        #expect(
            try problems("a:\n  ${data.labels}: 1")[0].description.contains(
                "line 2: a: ${data.labels} is an object"))
    }

    @Test("what was put in has the line of the variable")
    func lines() throws {
        let nodes: [YAMLNode?] = try Self.variables.substitute(
            in: YAML.nodes(Array("a: 1\nb: ${data.labels}\n".utf8)), source: "layer")
        let members = try #require(nodes[0]?.members)
        #expect(members[1].value.members?.map(\.value.line) == [2, 2])
    }

    @Test("an unknown variable is a problem with document, line, path and the names that are near")
    func unknown() throws {
        let problem = try problems("a: 1\n---\nmachine:\n  network:\n    hostname: ${machin.name}\n")[0]
        #expect(
            problem.description
                == "layer, document 2, line 5: machine.network.hostname: unknown variable ${machin.name}; "
                + "did you mean ${machine.name}?")
        #expect(try problems("a: ${data.prt}")[0].problem.contains("${data.port}"))
        #expect(try problems("a: ${name}")[0].problem.contains("${cluster.name} or ${machine.name}"))
        #expect(try problems("a: ${kubernetesversion}")[0].problem.contains("${kubernetesVersion}"))
        #expect(try problems("a: ${wholly.different}")[0].problem == "unknown variable ${wholly.different}")
        #expect(try problems("a: ${data.ntp.servers.7}")[0].problem.contains("unknown variable"))
        #expect(try problems("a: ${}")[0].problem.contains("unknown variable ${}"))
    }

    @Test("all problems of a layer are told at once")
    func allProblems() throws {
        let found = try problems(
            "a: ${x}\nb: [${y}, '${data.labels}-', \"${\"]\n".replacing("${y}", with: "'${y}'"))
        #expect(found.map { $0.path.description } == ["a", "b[0]", "b[1]", "b[2]"])
        #expect(found[2].problem.contains("is an object, which cannot be part of a text"))
        #expect(found[3].problem.contains("without a }"))
        #expect(try problems("a: x${data.nothing}")[0].problem.contains("is null"))
    }

    @Test("without a schematic or a machine their variables say why they have no value")
    func absent() throws {
        var cluster = Self.cluster
        cluster.schematicID = nil
        let variables = Variables(cluster: cluster)
        #expect(try problems("a: ${schematicID}", variables)[0].problem.contains("there is no schematic"))
        #expect(try problems("a: ${machine.name}", variables)[0].problem.contains("no machine is meant"))
    }

    @Test("a small layer cannot grow without end")
    func bombs() throws {
        let text = String(repeating: "x", count: 1 << 20)
        let list = JSONValue.array(Array(repeating: "x", count: 10_000))
        let variables = Variables(
            cluster: Variables.Cluster(
                name: "a", endpoint: "", kubernetesVersion: "", talosVersion: "",
                data: ["text": .string(text), "list": list]))
        for variable in ["${data.text}", "'${data.text}'", "${data.list}"] {
            let yaml = (0..<1000).map { "k\($0): \(variable)" }.joined(separator: "\n")
            let found = try problems(yaml, variables)
            #expect(found.count == 1)
            #expect(found[0].problem.contains("too large"))
        }
    }

    @Test(
        "layers that mention a machine or data are told from others",
        arguments: [
            ("a: ${cluster.name}", false), ("a: [{b: '${machine.index}'}]", true), ("${data.x}: 1", true),
            ("a: $${machine.name}", false), ("a: ${machinery}", false), ("a: ${data}", true),
        ])
    func machines(yaml: String, isAboutMachine: Bool) throws {
        #expect(Variables.areAboutMachine(try YAML.nodes(Array(yaml.utf8))) == isAboutMachine)
    }

    @Test(
        "in a layer that is an object a lone variable has its value's type, for no quotes can be seen there")
    func objects() throws {
        let cluster = Variables.Cluster(
            name: "a", endpoint: "", kubernetesVersion: "", talosVersion: "",
            data: ["sysctls": ["vm.nr_hugepages": 1024], "port": 8445, "isOn": true])
        let value: JSONValue = [
            "machine": [
                "sysctls": "${data.sysctls}", "env": ["PORT": "${data.port}"],
                "features": ["kubePrism": ["enabled": "${data.isOn}", "port": "${data.port}"]],
            ]
        ]
        let patch = try ConfigPatch(
            Layer(name: "layer", content: .value(value)), number: 1, version: TalosVersion(minor: 11),
            variables: Variables(cluster: cluster))
        var configuration = try MachineConfiguration(
            reading: "machine: {type: worker}", source: "base", version: TalosVersion(minor: 11))
        try configuration.apply(patch)
        #expect(configuration["machine", "sysctls"]?.json == ["vm.nr_hugepages": "1024"])
        #expect(configuration["machine", "env"]?.json == ["PORT": "8445"])
        #expect(configuration["machine", "features", "kubePrism"]?.json == ["enabled": true, "port": 8445])
    }

    @Test("data is the same for all machines where none has its own")
    func sharedData() throws {
        let nodes = try YAML.nodes(Array("a: ${data.x}".utf8))
        #expect(!Variables.areAboutMachine(nodes, includingData: false))
    }

    @Test("a layer is read with its variables, whatever it is made of")
    func layers() throws {
        let text = "machine: {network: {hostname: \"${machine.name}\"}, sysctls: {a: \"${data.port}\"}}"
        let value: JSONValue = [
            "machine": ["network": ["hostname": "${machine.name}"], "sysctls": ["a": "${data.port}"]]
        ]
        for content in [Layer.Content.text(text), .value(value)] {
            var configuration = try MachineConfiguration(
                reading: "machine: {type: worker}", source: "base", version: TalosVersion(minor: 11))
            let patch = try ConfigPatch(
                Layer(name: "layer", content: content), number: 1, version: TalosVersion(minor: 11),
                variables: Self.variables)
            try configuration.apply(patch)
            #expect(configuration["machine", "network", "hostname"]?.string == "prod-worker-2")
            #expect(configuration["machine", "sysctls", "a"]?.string == "8080")
        }
    }

    @Test("all documents of a layer together cannot grow without end, and that is said once")
    func manyDocuments() throws {
        let text = String(repeating: "x", count: 1 << 20)
        let variables = Variables(
            cluster: Variables.Cluster(
                name: "a", endpoint: "", kubernetesVersion: "", talosVersion: "",
                data: ["text": .string(text)]))
        let layer = Layer(
            name: "layer", content: .text((0..<100).map { _ in "k: ${data.text}\n---\n" }.joined()))
        let error = try #require(throws: ConfigProblems.self) {
            try ConfigPatch(layer, number: 1, version: TalosVersion(minor: 11), variables: variables)
        }
        #expect(error.problems.map(\.document) == [5])
    }
}
