// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
import StructuredData
import Talos
import Testing

@testable import ClusterController

@Suite("Validation of what is said about a cluster's life")
struct LifecycleFieldsTests {
    private func full(_ patch: String) -> JSONValue {
        Fixture.spec(#"{"management": "Full"}"#).mergePatched(with: Fixture.json(patch))
    }

    @Test("What is left out has the defaults")
    func defaults() throws {
        let spec = try Fixture.validSpec(#"{"management": "Full"}"#)
        #expect(spec.management == .full && spec.lifecycle == LifecyclePolicy() && !spec.isPaused)
        #expect(ClusterValidation(full("{}")).warningLines == [])
    }

    @Test("What is given is read")
    func everything() throws {
        let spec = try Fixture.validSpec(
            """
            {"management": "Full", "paused": true, "driftPolicy": "Stage",
             "rollout": {"approval": "Manual", "mode": "NoReboot", "maxUnavailable": "20%",
                         "drain": {"enabled": false, "timeout": "1h30m", "onTimeout": "Force"},
                         "settle": "2m"},
             "upgrade": {"rebootMode": "Powercycle", "stage": true, "snapshot": true,
                         "hops": {"v1.12": "v1.12.7"},
                         "windows": ["Sun 02:00 4h", "Sat,Mon-Wed 23:30 2h30m"]},
             "deletion": {"reset": "Graceful", "wipe": "All", "retainSecrets": true}}
            """)
        var policy = LifecyclePolicy()
        policy.rollout.approval = .manual
        policy.rollout.mode = .noReboot
        policy.rollout.maxUnavailable = .percent(20)
        policy.drain.isEnabled = false
        policy.drain.timeout = .seconds(5400)
        policy.drain.onTimeout = .force
        policy.timeouts.settle = .seconds(120)
        policy.drift = .stage
        policy.upgrade.rebootMode = .powercycle
        policy.upgrade.stage = true
        policy.upgrade.snapshot = true
        policy.upgrade.hops = [TalosVersion(minor: 12): Release(minor: 12, patch: 7)]
        policy.windows = [
            MaintenanceWindow(days: [0], opensAt: 120, duration: .seconds(14_400)),
            MaintenanceWindow(days: [6, 1, 2, 3], opensAt: 1410, duration: .seconds(9000)),
        ]
        policy.deletion.reset = .graceful
        policy.deletion.wipe = .all
        policy.deletion.retainSecrets = true
        #expect(spec.lifecycle == policy && spec.isPaused)
    }

    private static let amountRule =
        #"must be a number of nodes from 1 to 5000, or a share from "1%" to "100%", not "#
    private static let lengthRule = "must be a duration such as 5m or 1h30m, from 1s to 24h, not "
    private static let durationRule = "spec.rollout.drain.timeout: \(lengthRule)"

    @Test(
        "What is wrong is named with its path, what is there and what is allowed",
        arguments: [
            (#"{"rollout": "Auto"}"#, "spec.rollout: must be an object, not a string"),
            (#"{"rollout": {"drain": []}}"#, "spec.rollout.drain: must be an object, not a list"),
            (#"{"upgrade": 1}"#, "spec.upgrade: must be an object, not a number"),
            (#"{"deletion": true}"#, "spec.deletion: must be an object, not a boolean"),
            (#"{"paused": "yes"}"#, "spec.paused: must be true or false, not a string"),
            (
                #"{"rollout": {"approval": "auto"}}"#,
                #"spec.rollout.approval: must be Auto or Manual, not "auto""#
            ),
            (
                #"{"rollout": {"mode": "Restart"}}"#,
                #"spec.rollout.mode: must be Auto, NoReboot, Reboot, Staged or Try, not "Restart""#
            ),
            (#"{"rollout": {"maxUnavailable": 0}}"#, "spec.rollout.maxUnavailable: \(amountRule)0"),
            (#"{"rollout": {"maxUnavailable": 5001}}"#, "spec.rollout.maxUnavailable: \(amountRule)5001"),
            (#"{"rollout": {"maxUnavailable": "3"}}"#, #"spec.rollout.maxUnavailable: \#(amountRule)"3""#),
            (#"{"rollout": {"maxUnavailable": "0%"}}"#, #"spec.rollout.maxUnavailable: \#(amountRule)"0%""#),
            (
                #"{"rollout": {"maxUnavailable": "101%"}}"#,
                #"spec.rollout.maxUnavailable: \#(amountRule)"101%""#
            ),
            (#"{"rollout": {"maxUnavailable": []}}"#, "spec.rollout.maxUnavailable: \(amountRule)a list"),
            (#"{"rollout": {"drain": {"timeout": "5"}}}"#, #"\#(durationRule)"5""#),
            (#"{"rollout": {"drain": {"timeout": "-5m"}}}"#, #"\#(durationRule)"-5m""#),
            (#"{"rollout": {"drain": {"timeout": "25h"}}}"#, #"\#(durationRule)"25h""#),
            (#"{"rollout": {"settle": "0s"}}"#, #"spec.rollout.settle: \#(lengthRule)"0s""#),
            (
                #"{"rollout": {"drain": {"onTimeout": "Delete"}}}"#,
                #"spec.rollout.drain.onTimeout: must be Halt or Force, not "Delete""#
            ),
            (
                #"{"driftPolicy": "Ignore"}"#,
                #"spec.driftPolicy: must be Report, Stage or Apply, not "Ignore""#
            ),
            (
                #"{"upgrade": {"rebootMode": "Kexec"}}"#,
                #"spec.upgrade.rebootMode: must be Default or Powercycle, not "Kexec""#
            ),
            (
                #"{"upgrade": {"hops": {"v1.12": "1.12.7"}}}"#,
                #"spec.upgrade.hops["v1.12"]: must be a version such as v1.28.3, not "1.12.7""#
            ),
            (
                #"{"upgrade": {"hops": {"v1.12": "v1.11.7"}}}"#,
                #"spec.upgrade.hops["v1.12"]: must be a release of "v1.12", as in v1.12: v1.12.7, not v1.11.7"#
            ),
            (
                #"{"deletion": {"reset": "Yes"}}"#,
                #"spec.deletion.reset: must be None, Graceful or Force, not "Yes""#
            ),
            (
                #"{"deletion": {"wipe": "Disk"}}"#,
                #"spec.deletion.wipe: must be Ephemeral, SystemDisk or All, not "Disk""#
            ),
        ])
    func wrongFields(patch: String, problem: String) {
        #expect(ClusterValidation(full(patch)).problemLines == [problem])
        // What has no effect has to be right all the same.
        #expect(ClusterValidation(Fixture.spec(patch)).problemLines == [problem])
    }

    @Test(
        "A window is days, a time and a duration",
        arguments: [
            "", "Sun", "Sun 02:00", "sun 02:00 4h", "Sunday 02:00 4h", "Sun 2:00 4h", "Sun 24:00 4h",
            "Sun 02:60 4h", "Sun 02:00 4", "Sun 02:00 0s", "Sun 02:00 169h", "Sun 02:00 -1h", "Sun  02:00 4h",
            "Sun, 02:00 4h", "Sun- 02:00 4h", "Mon-Wed-Fri 02:00 4h", "Sun 02:00 4h ", "Sun 0２:00 4h",
        ])
    func wrongWindows(text: String) {
        #expect(MaintenanceWindow(text) == nil)
    }

    @Test("A range of days goes over the end of the week, and without days it is every day")
    func windowDays() {
        #expect(MaintenanceWindow("Fri-Mon 00:00 1m")?.days == [5, 6, 0, 1])
        #expect(MaintenanceWindow("Tue-Tue 23:59 168h")?.days == [2])
        #expect(
            MaintenanceWindow("03:00 1h")
                == MaintenanceWindow(days: [], opensAt: 180, duration: .seconds(3600)))
    }

    @Test("What has no effect is a warning")
    func warnings() {
        let patch =
            #"{"rollout": {}, "driftPolicy": "Apply", "upgrade": {}, "deletion": {}, "paused": false}"#
        for management in ["Machines", "Config"] {
            let spec = Fixture.spec(patch).mergePatched(with: ["management": .string(management)])
            #expect(
                ClusterValidation(spec).warningLines
                    == ["rollout", "driftPolicy", "upgrade", "deletion", "paused"].map {
                        "spec.\($0): has no effect without management Full"
                    })
        }
        #expect(
            ClusterValidation(full(#"{"deletion": {"wipe": "All"}}"#)).warningLines
                == ["spec.deletion.wipe: has no effect with reset None"])
        let newTalos =
            #"{"talosVersion": "v1.13.0", "kubernetesVersion": "v1.33.0", "upgrade": {"stage": true}}"#
        #expect(
            ClusterValidation(full(newTalos)).warningLines
                == ["spec.upgrade.stage: has no effect on nodes of Talos v1.13 and later"])
    }
}
