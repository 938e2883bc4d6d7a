// SPDX-License-Identifier: Apache-2.0

/// `machine.baseRuntimeSpecOverrides`: what containers are run with, of the types in the OCI's runtime specification.
enum RuntimeSpecRules {
    static let all: [ConfigRule] = shapes.map { place, shape in
        ConfigRule("machine.baseRuntimeSpecOverrides.\(place)", is: shape)
    }

    /// The settings that people change, not all that there are.
    static let shapes: [(place: String, shape: ValueShape)] = [
        ("ociVersion", .text), ("hostname", .text), ("domainname", .text), ("annotations", .map),
        ("annotations{}", .text), ("root", .map), ("root.path", .text), ("root.readonly", .truth),
        ("hooks", .map), ("mounts", .list), ("mounts[]", .map), ("linux", .map), ("linux.sysctl", .map),
        ("linux.sysctl{}", .text), ("linux.resources", .map), ("linux.maskedPaths", .list),
        ("linux.readonlyPaths", .list), ("process", .map), ("process.terminal", .truth),
        ("process.cwd", .text),
        ("process.args", .list), ("process.args[]", .text), ("process.env", .list), ("process.env[]", .text),
        ("process.noNewPrivileges", .truth), ("process.oomScoreAdj", .number), ("process.capabilities", .map),
        ("process.rlimits", .list), ("process.rlimits[]", .map), ("process.rlimits[].type", .text),
        ("process.rlimits[].hard", .number), ("process.rlimits[].soft", .number),
    ]
}
