import Synchronization

/// What a listener has refused and ended since the start; for metrics and logs.
public final class ListenerCounts: Sendable {
  /// Something that is counted; the raw value is the label of a metric.
  public enum Event: String, Sendable, CaseIterable {
    /// A request or a body did not come in time.
    case late
    /// No further request came on a connection.
    case idle
    /// An answer was not taken in time.
    case stalledAnswer = "stalled_answer"
    /// A connection had to make room for a newer one.
    case madeRoom = "made_room"
    /// There were too many connections, and none that could make room.
    case full
    /// There was no room for a body.
    case overloaded
    /// A body was too large.
    case tooLarge = "too_large"
    /// A request was not valid.
    case malformed
    /// `Host` was none of the server's names.
    case foreignHost = "foreign_host"
    /// A page of another site sent a request.
    case foreignPage = "foreign_page"
  }

  /// What requests are counted by.
  public struct RequestKind: Sendable, Hashable {
    /// ``Operation/name`` of what was answered; `none` if no path was found, or the request was refused before.
    public var operation: String
    /// The status of the answer.
    public var status: Int
  }

  private struct State {
    var requests: [RequestKind: Int] = [:]
    var counts: [Event: Int] = [:]
    var spoken: [Event: ContinuousClock.Instant] = [:]
  }

  /// What is served, as logs and metrics name it.
  public let name: String
  private let state = Mutex(State())

  /// Counts of nothing.
  public init(_ name: String) { self.name = name }

  /// How often something has happened.
  public subscript(_ event: Event) -> Int { state.withLock { $0.counts[event] ?? 0 } }

  /// How many requests have been answered, by operation and status, in the order of these.
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
  /// - Returns: whether a log should say so: the first time, and then at most once a minute.
  @discardableResult
  func count(_ event: Event, at now: ContinuousClock.Instant = .now) -> Bool {
    state.withLock { state in
      state.counts[event, default: 0] &+= 1
      if let last = state.spoken[event], last.duration(to: now) < .seconds(60) { return false }
      state.spoken[event] = now
      return true
    }
  }
}
