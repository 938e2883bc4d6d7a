// swift-tools-version: 6.2
// SPDX-License-Identifier: Apache-2.0
import PackageDescription

let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .treatAllWarnings(as: .error),
]

/// A source target with the repository's language settings.
func module(_ name: String, _ dependencies: [Target.Dependency] = [], path: String? = nil) -> Target {
    .target(name: name, dependencies: dependencies, path: path, swiftSettings: strict)
}

/// A test target that may use the shared test support.
func tests(of name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .testTarget(
        name: "\(name)Tests", dependencies: [.byName(name: name), "TestSupport"] + dependencies,
        swiftSettings: strict)
}

// With FUZZ set, which `make fuzz` does, the fuzz targets are a program around libFuzzer, which brings its own `main`;
// otherwise they are tests.
let isFuzzing = Context.environment["FUZZ"] != nil
let parts: [Target.Dependency] = [
    "ClusterController", "ControllerRuntime", "Kubernetes", "HTTP", "TalosAPI", "ClusterLifecycle", "Talos",
    "PKI",
    "Observability", "StructuredData", "Platform", "CGlibc", "CBuildStamp",
]
// What `talos-operator version` says besides the version; only `make release` and the image set these.
let stamp: [SwiftSetting] = ["TALOS_OPERATOR_REVISION", "TALOS_OPERATOR_SOURCE_DATE"].compactMap { name in
    Context.environment[name].flatMap { $0.isEmpty ? nil : .unsafeFlags(["-Xcc", "-D\(name)=\($0)"]) }
}
let program: Target =
    isFuzzing
    ? .target(name: "TalosOperator", dependencies: parts, exclude: ["Main.swift"], swiftSettings: strict)
    : .executableTarget(name: "TalosOperator", dependencies: parts, swiftSettings: strict + stamp)
let fuzzing: Target =
    isFuzzing
    ? .executableTarget(
        name: "Fuzz", dependencies: parts + ["TalosOperator"], path: "Tests/FuzzTests",
        sources: ["Targets", "LibFuzzer"], swiftSettings: strict + [.unsafeFlags(["-parse-as-library"])])
    : .testTarget(
        name: "FuzzTests", dependencies: parts + ["TalosOperator", "TestSupport"],
        exclude: ["Corpus", "LibFuzzer"], swiftSettings: strict)

// The order of this list is the architecture: a target may depend only on those above it.
let package = Package(
    name: "talos-operator",
    products: isFuzzing ? [] : [.executable(name: "talos-operator", targets: ["TalosOperator"])],
    targets: [
        // C libraries as modules: header-only, one library each, no logic. CGlibc is what Swift's own Glibc leaves out,
        // CBuildStamp what was built.
        .systemLibrary(name: "CCurl", providers: [.apt(["libcurl4-openssl-dev"])]),
        .systemLibrary(name: "CGlibc"),
        .systemLibrary(name: "CBuildStamp"),
        .systemLibrary(name: "COpenSSL", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CYAML", providers: [.apt(["libyaml-dev"])]),

        // What Foundation would give and we keep small: lock, clock, timestamps, files, child processes.
        module("Platform", ["CGlibc"]),
        // The one document model: JSON values, JSON and YAML text to and from them, merge patch.
        module("StructuredData", ["CYAML", "Platform"]),
        // Keys, certificates and digests, all of them OpenSSL's.
        module("PKI", ["COpenSSL", "Platform"]),
        // Structured logger, metric registry with Prometheus text, named health checks.
        module("Observability", ["Platform"]),
        // libcurl client on one thread; small socket server on another, with OpenSSL for TLS.
        module("HTTP", ["CCurl", "COpenSSL", "PKI", "Platform"]),
        // Object model, requests as values, REST client, watch stream, kubeconfig and in-cluster configuration.
        module("Kubernetes", ["HTTP", "StructuredData", "Platform"]),
        // Talos' secrets, machine configurations in layers and client configurations; pure.
        module("Talos", ["PKI", "StructuredData", "Platform"]),
        // Talos' API on the nodes: protobuf, gRPC and every call that the operator makes, over libcurl.
        module("TalosAPI", ["HTTP", "Talos", "PKI", "StructuredData", "Platform"]),
        // What is to be done with a cluster now, from what is desired, seen and remembered; pure.
        module("ClusterLifecycle", ["Talos", "PKI", "StructuredData", "Platform"]),
        // Reflector, store, work queue, controller, events, leader election, authorizer, manager.
        module("ControllerRuntime", ["Kubernetes", "HTTP", "StructuredData", "Observability", "Platform"]),
        // The domain: a KubernetesCluster becomes Machines, manifests and a status.
        module(
            "ClusterController",
            [
                "ControllerRuntime", "Kubernetes", "HTTP", "TalosAPI", "ClusterLifecycle", "Talos", "PKI",
                "StructuredData", "Observability", "Platform",
            ]),
        // Settings, wiring, signals, sub-commands; nothing else.
        program,

        // Fakes, the manual clock, the scripted API server and the real control plane, for every test target.
        module(
            "TestSupport", ["Kubernetes", "HTTP", "StructuredData", "Observability", "Platform", "CGlibc"],
            path: "Tests/TestSupport"),
        // The operator without a network, for a profiler to count its instructions; never part of a release.
        .executableTarget(
            name: "Profile",
            dependencies: [
                "TestSupport", "ClusterController", "ControllerRuntime", "Kubernetes", "HTTP", "TalosAPI",
                "ClusterLifecycle", "Talos",
                "PKI", "StructuredData", "Observability", "Platform", "CGlibc",
            ],
            path: "Tests/Profile", swiftSettings: strict),
        tests(of: "Platform"),
        tests(of: "StructuredData", ["Platform"]),
        tests(of: "PKI", ["Platform"]),
        tests(of: "Talos", ["PKI", "StructuredData", "Platform"]),
        tests(of: "TalosAPI", ["HTTP", "Talos", "PKI", "StructuredData", "Platform"]),
        tests(of: "ClusterLifecycle", ["Talos", "PKI", "StructuredData", "Platform"]),
        tests(of: "Observability", ["Platform"]),
        tests(of: "HTTP", ["Platform"]),
        tests(of: "Kubernetes", ["HTTP", "StructuredData", "Platform"]),
        tests(
            of: "ControllerRuntime", ["Kubernetes", "HTTP", "StructuredData", "Observability", "Platform"]),
        tests(
            of: "ClusterController",
            [
                "ControllerRuntime", "Kubernetes", "HTTP", "TalosAPI", "ClusterLifecycle", "Talos", "PKI",
                "StructuredData",
                "Observability", "Platform",
            ]),
        tests(
            of: "TalosOperator",
            [
                "ClusterController", "ControllerRuntime", "Kubernetes", "HTTP", "TalosAPI",
                "ClusterLifecycle", "Talos",
                "PKI", "StructuredData", "Observability", "Platform",
            ]),
        // The whole program against a real etcd, kube-apiserver and kube-controller-manager.
        .testTarget(
            name: "IntegrationTests",
            dependencies: [
                "TestSupport", "ClusterController", "ControllerRuntime", "Kubernetes", "HTTP", "TalosAPI",
                "ClusterLifecycle", "Talos",
                "PKI", "StructuredData", "Observability", "Platform", "TalosOperator",
            ],
            exclude: ["Install/Fixtures", "Talos/GoServer", "Talos/Recorder"], swiftSettings: strict),
        // What is installed: chart and kustomize trees rendered by the real tools, beside the constants of the code.
        .testTarget(
            name: "PackagingTests",
            dependencies: [
                "TestSupport", "ClusterController", "ControllerRuntime", "Kubernetes", "HTTP", "TalosAPI",
                "ClusterLifecycle", "Talos",
                "PKI", "StructuredData", "Observability", "Platform", "TalosOperator",
            ],
            exclude: ["Chart/Values", "Monitoring/Alerts"], swiftSettings: strict),
        // Every parser of what others wrote, with inputs made to break it.
        fuzzing,
    ]
)
