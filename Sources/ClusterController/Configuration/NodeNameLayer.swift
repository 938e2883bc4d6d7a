// SPDX-License-Identifier: Apache-2.0
import Talos

extension ClusterSpec {
    /// What people call the layer that names nodes.
    static let nodeNameLayerName = "names of nodes"

    /// The layer by which each node has the name of its Machine, where the operator has to know which is which.
    ///
    /// It is the lowest one, so a layer may say another host name, as long as its first label is the Machine's name:
    /// that is what Kubernetes calls the node.
    var nodeNameLayer: [Layer] {
        guard management == .full else { return [] }
        let text =
            VersionFeatures(talosContract).has(.networkDocuments)
            ? "apiVersion: v1alpha1\nkind: HostnameConfig\nhostname: ${machine.name}\nauto: \"off\"\n"
            : "machine:\n  network:\n    hostname: ${machine.name}\n"
        return [Layer(name: Self.nodeNameLayerName, content: .text(text))]
    }
}
