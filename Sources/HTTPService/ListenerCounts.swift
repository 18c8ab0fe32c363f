import Synchronization

/// Counts the requests, refusals and closed connections of a listener.
public final class ListenerCounts: Sendable {
  /// A counted event. The raw value is the label of a metric.
  public enum Event: String, Sendable, CaseIterable {
    /// A request or its body did not arrive in time.
    case late
    /// A connection was idle for too long.
    case idle
    /// The client did not receive an answer in time.
    case stalledAnswer = "stalled_answer"
    /// A new connection replaced another one.
    case madeRoom = "made_room"
    /// There were too many connections, and none could be replaced.
    case full
    /// An address had too many connections, and none of them could be replaced.
    case addressFull = "address_full"
    /// A new connection of an address that had its share replaced another one of the same address.
    case addressMadeRoom = "address_made_room"
    /// New connections had to wait, because few file descriptors were left.
    case descriptors
    /// A client sent too many requests in a second.
    case rate
    /// The byte budget was exhausted.
    case overloaded
    /// A body was too large.
    case tooLarge = "too_large"
    /// A document was nested too deeply, or had too many values or aliases.
    case document
    /// A request was not valid.
    case malformed
    /// `Host` was not a name of the server.
    case foreignHost = "foreign_host"
    /// A page of another site sent a request.
    case foreignPage = "foreign_page"
    /// A client used no TLS, and had to.
    case plaintext
    /// A request whose sender is not known or may not do that.
    case access
  }

  /// The labels by which requests are counted.
  public struct RequestKind: Sendable, Hashable {
    /// ``Operation/name``; `none` if the path is unknown or the request was refused.
    public var operation: String
    /// The status of the answer.
    public var status: Int
  }

  private struct State {
    var requests: [RequestKind: Int] = [:]
    var counts: [Event: Int] = [:]
    var lastLogged: [Event: ContinuousClock.Instant] = [:]
  }

  /// The name of the server in logs and metrics.
  public let name: String
  private let state = Mutex(State())

  /// Makes counts of zero.
  public init(_ name: String) { self.name = name }

  /// How often an event has happened.
  public subscript(_ event: Event) -> Int { state.withLock { $0.counts[event] ?? 0 } }

  /// How many requests have been answered, sorted by operation and status.
  public var requests: [(kind: RequestKind, count: Int)] {
    state.withLock { $0.requests }.map { (kind: $0.key, count: $0.value) }
      .sorted { ($0.kind.operation, $0.kind.status) < ($1.kind.operation, $1.kind.status) }
  }

  /// Counts an answered request.
  func count(operation: String?, status: Int) {
    let kind = RequestKind(operation: operation ?? "none", status: status)
    state.withLock { $0.requests[kind, default: 0] &+= 1 }
  }

  /// Counts an event.
  ///
  /// - Returns: whether to log the event: the first time, and then at most once a minute.
  @discardableResult
  package func count(_ event: Event, at now: ContinuousClock.Instant = .now) -> Bool {
    state.withLock { state in
      state.counts[event, default: 0] &+= 1
      if let last = state.lastLogged[event], last.duration(to: now) < .seconds(60) { return false }
      state.lastLogged[event] = now
      return true
    }
  }
}
