// SPDX-License-Identifier: Apache-2.0
import ClusterLifecycle
import Talos
import TalosAPI

/// What takes minutes or takes a node down.
extension NodeTarget {
    /// The release whose API installs and pulls beside the node's other work.
    private static let lifecycleAPI = TalosVersion(minor: 13)
    /// For the old upgrade call, which checks etcd and the installer's image before it answers.
    ///
    /// The image has been pulled before. What its client gives up early the node gives up as well.
    private static let legacyUpgrade = Duration.seconds(120)

    /// Pulls an image ahead of time; a node that knows no call for it will do so when it needs it.
    func pull(
        _ image: String, _ isSystem: Bool, _ kind: LifecycleAction.Kind, _ node: any TalosNode
    ) -> ActionResult {
        let namespace: ImageNamespace = isSystem ? .system : .cri
        let isNew = (talos?.line ?? Self.lifecycleAPI) >= Self.lifecycleAPI
        return longCalls.begin(kind, on: name, in: cluster.key) {
            do throws(TalosError) {
                if isNew {
                    _ = try await node.pullImage(image, namespace: namespace)
                } else {
                    try await node.legacyPullImage(image, namespace: namespace)
                }
                return .done(nil)
            } catch {
                return error.isUnimplemented ? .done(nil) : LongCalls.Outcome(error)
            }
        }
    }

    func upgrade(
        _ image: String, _ call: LifecycleAction.UpgradeCall, _ kind: LifecycleAction.Kind,
        _ node: any TalosNode
    ) -> ActionResult {
        switch call {
        case .legacy(let preserve, let stage, let reboot):
            let request = LegacyUpgradeRequest(
                image: image, preserve: preserve, stage: stage, rebootsByPowerCycle: reboot == .powercycle)
            return longCalls.begin(kind, on: name, in: cluster.key) {
                do throws(TalosError) {
                    _ = try await node.upgrade(request, within: Self.legacyUpgrade)
                    return .done(nil)
                } catch {
                    return LongCalls.Outcome(error.result(of: kind))
                }
            }
        case .lifecycle:
            return longCalls.begin(kind, on: name, in: cluster.key) {
                do throws(TalosError) {
                    // The call takes the name that a pull tells, and pulls nothing itself; what is there is not
                    // pulled again.
                    let name = try await node.pullImage(image, namespace: .system)
                    let result = try await node.lifecycleUpgrade(image: name)
                    guard !result.succeeded else { return .done(nil) }
                    let words = result.messages.last.map { ": \($0)" } ?? ""
                    return .failed("the installer ended with \(result.exitCode)\(words)".bounded)
                } catch {
                    return LongCalls.Outcome(error)
                }
            }
        }
    }

    func reset(
        _ call: LifecycleAction.ResetCall, _ node: any TalosNode
    ) async throws(TalosError) -> ActionResult {
        let wipe: ResetRequest.Wipe
        switch call.wipe {
        case .ephemeral: wipe = .system(.partitions(NonEmpty("STATE", "EPHEMERAL")), userDisks: [])
        case .systemDisk: wipe = .system(.disk, userDisks: [])
        case .all:
            let disks = try await node.disks()
            guard disks.contains(where: \.isSystemDisk) else {
                return .notNow("the node does not tell which disk is its own")
            }
            wipe = .system(.disk, userDisks: disks.filter(\.isUserDisk).map(\.deviceName))
        }
        _ = try await node.reset(
            ResetRequest(graceful: call.isGraceful, reboot: call.reboots, wipe: wipe))
        return .done
    }
}

extension NodeDisk {
    /// Whether it is one that a reset of everything means: no part of the system, no loop device, nothing read-only.
    fileprivate var isUserDisk: Bool {
        !isSystemDisk && !isReadOnly && kind != .cd && size > 0 && !busPath.hasPrefix("/virtual")
    }
}

extension LongCalls.Outcome {
    /// What a call has come to that may be made again.
    fileprivate init(_ error: TalosError) {
        let words = "\(error)".bounded
        self = error.isUnavailable ? .lost(words) : .failed(words)
    }

    /// What a request that was answered late has come to; one whose answer was lost may have been taken, which the node
    /// itself shows before long.
    fileprivate init(_ result: ActionResult) {
        switch result {
        case .done, .alreadyDone, .running, .unknown: self = .done(nil)
        case .notNow(let words), .partly(let words): self = .failed(words)
        case .refused(let words): self = .refused(words)
        }
    }
}
