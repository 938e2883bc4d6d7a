// SPDX-License-Identifier: Apache-2.0
import Glibc
import Kubernetes
import Platform
import StructuredData
import TestSupport
import Testing

/// `hack/pod.py` itself: what other tests take for granted of it.
@Suite(
    "Pods without a kubelet", .serialized, .enabled(if: Image.canRun, "needs root"), .timeLimit(.minutes(15)))
struct PodProcessTests {
    @Test(
        "The container's end is that of the program",
        arguments: [
            ("exit 3", Int32(3)), ("sleep 1000 & kill -KILL $!; wait $!", 137),
            ("exec /nothing", 127),
        ])
    func ending(line: String, code: Int32) async throws {
        #expect(try await ImagePods.run(ImagePods.shell(line)).ending == .exited(code))
    }

    @Test("SIGTERM reaches the program; one that does not mind it is killed after the grace period")
    func grace() async throws {
        let minds = try ImagePods.shell("trap 'echo told; exit 5' TERM; echo ready; sleep 1000 & wait")
        let process = try await PodProcess(minds, on: ImagePods.controlPlane())
        #expect(await process.process.line { $0 == "ready" } != nil)
        #expect(await process.stop() == .exited(5))
        #expect(process.process.lines.last == "told")

        let stubborn = try ImagePods.shell("trap '' TERM; echo ready; while :; do sleep 1; done")
            .mergePatched(with: ["spec": ["terminationGracePeriodSeconds": 1]])
        let other = try await PodProcess(stubborn, on: ImagePods.controlPlane())
        #expect(await other.process.line { $0 == "ready" } != nil)
        #expect(await other.stop() == .exited(128 + SIGKILL))
    }

    @Test("When it is killed itself, the container goes too")
    func orphan() async throws {
        let process = try await PodProcess(
            ImagePods.shell("echo ready; sleep 1000"), on: ImagePods.controlPlane())
        #expect(await process.process.line { $0 == "ready" } != nil)
        // It ends when what it waits for has ended, whoever has to bury that.
        let end = try Subprocess(["/usr/bin/tail", "--pid", "\(process.containerPID)", "-f", "/dev/null"])
        await process.kill()
        #expect(await end.ending() == .exited(0))
    }

    @Test("Variables come from the Pod, its resources, ConfigMaps and each other")
    func variables() async throws {
        let client = try await ImagePods.controlPlane().adminClient()
        _ = try await client.create(
            ConfigMap.self, ["metadata": ["name": "colours"], "data": ["sky": "blue"]],
            namespace: ImagePods.namespace)
        let patch: JSONValue = [
            "env": [
                ["name": "POD", "valueFrom": ["fieldRef": ["fieldPath": "metadata.name"]]],
                ["name": "LIMIT", "valueFrom": ["resourceFieldRef": ["resource": "limits.memory"]]],
                [
                    "name": "SKY",
                    "valueFrom": ["configMapKeyRef": ["name": "colours", "key": "sky"]],
                ],
                ["name": "ALL", "value": "$(POD) $(SKY) $$(SKY) $(NOBODY)"],
            ]
        ]
        let result = try await ImagePods.run(
            ImagePods.shell("echo $LIMIT $ALL; echo $KUBERNETES_SERVICE_HOST; id -u", container: patch))
        #expect(result.lines == ["134217728 shell blue $(SKY) $(NOBODY)", "127.0.0.1", "65532"])
    }

    @Test("Volumes have the Pod's group, their limits and modes, and change all at once on SIGHUP")
    func volumes() async throws {
        let client = try await ImagePods.controlPlane().adminClient()
        let key = ObjectKey(namespace: ImagePods.namespace, name: "moving")
        _ = try await client.create(
            ConfigMap.self, ["metadata": ["name": "moving"], "data": ["a": "1", "b": "1"]],
            namespace: ImagePods.namespace)
        let mounts: JSONValue = [
            "volumeMounts": [
                ["name": "results", "mountPath": "/results"], ["name": "moving", "mountPath": "/moving"],
            ]
        ]
        let volumes: JSONValue = [
            ["name": "results", "emptyDir": ["sizeLimit": "64Ki"]],
            ["name": "moving", "configMap": ["name": "moving", "defaultMode": 0o440]],
        ]
        let line = """
            stat -c '%a %g' /results /moving/..data/a; head -c 100000 /dev/zero 2>&1 >/results/file | tail -n 1
            echo x 2>/dev/null >/moving/a || echo read-only; echo ready; sleep 1000
            """
        let pod = try ImagePods.shell(line, container: mounts).mergePatched(with: [
            "spec": ["volumes": volumes]
        ])
        let process = try await PodProcess(pod, on: ImagePods.controlPlane())
        #expect(await process.process.line { $0 == "ready" } != nil)
        let lines = process.process.lines
        #expect(lines.contains("2777 65532") && lines.contains("440 65532"), "\(lines)")
        #expect(lines.contains { $0.contains("No space left") } && lines.contains("read-only"))

        let account = process.path("/run/secrets/kubernetes.io/serviceaccount")
        let token = try FileSystem.read("\(account)/token", limit: 1 << 16)
        _ = try await client.mergePatch(ConfigMap.self, key, ["data": ["a": "2", "b": .null]])
        process.process.signal(SIGHUP)
        #expect(await process.process.line { $0.contains("volumes are up to date") } != nil)
        #expect(try FileSystem.read(process.path("/moving/a"), limit: 10) == Array("2".utf8))
        #expect(try !FileSystem.list(process.path("/moving")).contains("b"))
        #expect(try FileSystem.read("\(account)/token", limit: 1 << 16) != token)
        await process.kill()
    }

    private static let refusals: [(patch: JSONValue, text: String)] = [
        (["volumes": [["name": "results", "hostPath": ["path": "/"]]]], "hostPath"),
        (["securityContext": ["runAsUser": 0]], "runAsNonRoot"),
        (["volumes": []], "no volume results"),
    ]

    @Test("What it cannot do is said at once", arguments: refusals)
    func refusal(patch: JSONValue, text: String) async throws {
        let pod = try ImagePods.pod().mergePatched(with: ["spec": patch])
        let controlPlane = try await ImagePods.controlPlane()
        await #expect {
            _ = try await PodProcess(pod, on: controlPlane)
        } throws: { error in
            "\(error)".contains(text)
        }
    }
}
