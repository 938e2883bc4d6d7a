// SPDX-License-Identifier: Apache-2.0

/// How long calls may take if nothing else is said.
package enum CallLimit {
    /// For what only looks: 10 s.
    package static let read = Duration.seconds(10)
    /// For what changes something and is answered once it is checked or begun: 30 s.
    package static let change = Duration.seconds(30)
    /// For etcd's own work, such as a removal, which a node retries for up to 5 minutes by itself: 60 s.
    package static let etcd = Duration.seconds(60)
    /// For what pulls or installs an image before it answers: 15 minutes.
    package static let image = Duration.seconds(15 * 60)
    /// For what carries much data, and for streams of events: 10 minutes.
    package static let stream = Duration.seconds(10 * 60)
}
