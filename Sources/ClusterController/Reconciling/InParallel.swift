// SPDX-License-Identifier: Apache-2.0

/// Runs `step` for each item, `limit` at a time, and starts no more once `isLast` says so of a result.
///
/// - Returns: The results in the order in which they came.
func inParallel<Item: Sendable, Step: Sendable>(
    _ items: [Item], _ limit: Int, _ step: @escaping @Sendable (Item) async -> Step,
    isLast: (Step) -> Bool
) async -> [Step] {
    await withTaskGroup(of: Step.self) { group in
        var steps: [Step] = []
        var rest = items[...]
        for item in rest.prefix(limit) { group.addTask { await step(item) } }
        rest = rest.dropFirst(limit)
        while let done = await group.next() {
            steps.append(done)
            if isLast(done) { rest = [] }
            if let item = rest.popFirst() { group.addTask { await step(item) } }
        }
        return steps
    }
}
