// SPDX-License-Identifier: Apache-2.0
package import HTTP
package import Platform

/// Speaks to one API server.
///
/// Every call is one request value, sent with the credentials of the moment, repeated where `RetryPolicy` says
/// that this is safe, and decoded once. Failures are `APIError`s whatever the server answers. A copy with other
/// settings (`timeout`, `retry`, `fence`) shares the connection, the credentials and the observers.
///
/// Three things are left to the caller, because only the caller knows better:
/// - A create that was interrupted is sent again, and may then fail with AlreadyExists because of itself: read
///   the object and see whose it is.
/// - A watch is opened once; whoever resumes it decides when.
/// - There is no throttle on this side; the server's priority and fairness decides, and its 429 is obeyed.
package struct KubernetesClient: Sendable {
    /// The owner of our fields: at most 128 printable characters, the same for the life of the program.
    package var fieldManager: String
    /// The longest one attempt may take, in whole seconds; the server is told the same.
    package var timeout: Duration
    /// Which failures are worth another attempt.
    package var retry: RetryPolicy
    /// Asked before each mutating request; nil lets all of them pass.
    package var fence: WriteFence?

    let transport: any HTTPTransport
    let endpoint: Endpoint
    let credentials: any CredentialSource
    let clock: any Clock
    let observers: ClientObservers
    let jitter: @Sendable () -> Double
    let warnings = WarningFilter()

    /// A client of the server at `endpoint`, which `transport` must lead to.
    ///
    /// - `credentials`: not sent to an `http` endpoint.
    /// - `jitter`: random numbers in 0..<1.
    package init(
        transport: any HTTPTransport, endpoint: Endpoint, fieldManager: String,
        credentials: any CredentialSource = FixedCredential.none, clock: any Clock = SystemClock(),
        timeout: Duration = .seconds(30), retry: RetryPolicy = .standard, fence: WriteFence? = nil,
        observers: ClientObservers = ClientObservers(),
        jitter: @escaping @Sendable () -> Double = { Double.random(in: 0..<1) }
    ) {
        self.transport = transport
        self.endpoint = endpoint
        self.fieldManager = fieldManager
        self.credentials = credentials
        self.clock = clock
        self.timeout = timeout
        self.retry = retry
        self.fence = fence
        self.observers = observers
        self.jitter = jitter
    }
}
