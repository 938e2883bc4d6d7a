// SPDX-License-Identifier: Apache-2.0

extension MachineConfiguration {
    /// What `talosctl gen config` makes of the same input for that version, without comments.
    package init(generating input: MachineConfigInput) throws(ConfigProblems) {
        let problems = input.problems
        guard problems.isEmpty else { throw ConfigProblems(problems) }
        let endpoint: ControlPlaneEndpoint
        do throws(ConfigProblem) {
            endpoint = try ControlPlaneEndpoint(input.endpoint)
        } catch {
            throw ConfigProblems(error)
        }
        try self.init(
            decoding: MachineConfigGenerator(input, endpoint: endpoint).documents, source: "generated",
            layer: 0,
            version: input.version)
    }
}
