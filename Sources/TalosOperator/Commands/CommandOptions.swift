// SPDX-License-Identifier: Apache-2.0
import Talos

/// How results are printed.
enum ResultFormat: String, Hashable, Sendable, CaseIterable { case text, json }

/// When output is coloured.
enum ColorChoice: String, Hashable, Sendable, CaseIterable { case auto, always, never }

/// What `talos-operator render` is to read and where to write.
struct RenderOptions: Hashable, Sendable {
    /// Files and directories to read in this order; `-` is standard input.
    var files: [String] = []
    /// The directory to write to; nil prints.
    var outputDirectory: String?
    /// The file with the secrets bundle of the clusters.
    var secrets: String?
    /// The machine to print or to explain; nil for all.
    var machine: String?
    /// Whether to say where values come from.
    var explains = false
    /// The field to explain; nil for all.
    var path: String?
    var format = ResultFormat.text
    /// What talosconfig is to connect to.
    var endpoints: [String] = []
    /// The namespace of the operator, whose ConfigMaps concern all clusters.
    var layerNamespace = "talos-operator-system"
}

/// What `talos-operator secrets …` is to do.
enum SecretsAction: Hashable, Sendable {
    case generate(TalosVersion)
    /// Takes a bundle, or a control plane's configuration.
    case importing(String)
    /// Takes the files of kubeadm.
    case importingKubernetes(directory: String, token: String, TalosVersion)
    case validate(String)
}

struct SecretsOptions: Hashable, Sendable {
    var action: SecretsAction
    /// The file to write; nil prints.
    var output: String?
    /// Whether a file that is there may be replaced.
    var isForced = false
}

/// What `talos-operator schematic id` is to read.
struct SchematicOptions: Hashable, Sendable {
    var file: String
    /// The Talos version of an installer image to name; nil prints the ID.
    var installer: String?
    var platform = "metal"
    var factory = "factory.talos.dev"
    var isSecureboot = false
}

/// What `talos-operator diff` is to compare.
struct DiffOptions: Hashable, Sendable {
    /// Files or directories.
    var from: String
    var to: String
    var color = ColorChoice.auto
    var talosVersion: TalosVersion?
}

/// What `talos-operator validate` is to check.
struct ValidateOptions: Hashable, Sendable {
    var files: [String]
    var mode = ValidationMode.metal
    /// Whether warnings count as errors.
    var isStrict = false
    var talosVersion: TalosVersion?
}

/// What `talos-operator patch` is to apply to what.
struct PatchOptions: Hashable, Sendable {
    var file: String
    /// Texts, or files with an `@` before their names.
    var patches: [String]
    var output: String?
    var talosVersion: TalosVersion?
}

/// What `talos-operator import` is to read.
struct ImportOptions: Hashable, Sendable {
    enum Tool: Hashable, Sendable { case topf, talhelper }

    var tool: Tool
    /// The directory, or the file that describes the cluster.
    var source: String
    var output: String
    /// The version to take where the source names none.
    var talosVersion: String
    /// Whether files that are there may be replaced.
    var isForced = false
}
