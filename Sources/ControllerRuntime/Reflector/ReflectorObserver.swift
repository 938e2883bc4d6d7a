// SPDX-License-Identifier: Apache-2.0

/// What a Reflector tells about itself as it works; the default tells nobody.
package struct ReflectorObserver: Sendable {
    /// Something worth counting.
    package enum Event: Sendable, Hashable {
        /// A list ended well.
        case listed(items: Int, duration: Duration)
        /// A list begins that is not the first.
        case relisting(RelistReason)
        /// A watch ended, however.
        case watched(events: Int, duration: Duration)
        /// An object or an event could not be read.
        case undecodable
        /// An event told nothing new: a duplicate, or older than what the store shows.
        case stale
    }

    /// Called on the reflector's task; it must not wait.
    package var event: @Sendable (Event) -> Void

    package init(event: @escaping @Sendable (Event) -> Void = { _ in }) {
        self.event = event
    }
}
