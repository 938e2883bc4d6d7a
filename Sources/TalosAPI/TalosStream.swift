// SPDX-License-Identifier: Apache-2.0

/// What a node sends piece by piece; one task reads it, and letting go of it ends the call.
package struct TalosStream<Element: Sendable>: Sendable {
    private let produce: @Sendable () async throws(TalosError) -> Element?

    /// A stream of what `produce` returns until it returns nil.
    package init(_ produce: @escaping @Sendable () async throws(TalosError) -> Element?) {
        self.produce = produce
    }

    /// The next element; nil once the node has ended the stream and said that all is well.
    ///
    /// - Throws: `TalosError`, DEADLINE_EXCEEDED or `TransportError.timedOut` at the call's limit among them.
    package func next() async throws(TalosError) -> Element? {
        try await produce()
    }
}
