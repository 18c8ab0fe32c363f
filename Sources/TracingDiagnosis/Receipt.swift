package import MeshModel
package import MeshPolicy

/// What a listener's requests have left at the collector, against what they should have.
package struct Receipt: Sendable, Hashable {
  /// How the two compare.
  package enum State: Sendable, Hashable {
    /// As many spans are stored as are expected.
    case matches
    /// Spans are missing.
    case short
    /// No span is stored although some are expected.
    case silent
    /// No request has come.
    case idle
    /// Nobody knows; the clause says why.
    case unknown(String)

    /// The state in a word.
    package var name: String {
      switch self {
      case .matches: "matches"
      case .short: "short"
      case .silent: "silent"
      case .idle: "idle"
      case .unknown: "unknown"
      }
    }
  }

  /// The address at which the listener listens.
  package var listener: String
  /// The side of the application.
  package var direction: ProxyExplanation.Listener.Direction
  /// The service that is offered or called.
  package var service: String
  /// Requests that Envoy counted since ``since``; `nil` where nobody has told.
  package var requests: Int?
  /// Spans that are expected of them: their number times the sampling in force.
  package var expected: Double?
  /// The bounds between which the number of spans of such requests is in 99.9 % of all cases, less what may be under way.
  package var range: ClosedRange<Int>?
  /// Spans that the collector has stored since; `nil` where it is not known.
  package var stored: Int?
  /// How the two compare.
  package var state: State
  /// Since when it is counted.
  package var since: Timestamp?
  /// The time from the end of a request to the storage of its span, in seconds, at most; `nil` where it is not known.
  package var lag: Double?
  /// How far the clock of the proxy's host is ahead, in seconds; `nil` where it is not known.
  package var clockOffset: Double?
  /// When Envoy had counted ``requests``; `nil` where nobody has told. Spans are counted up to now.
  package var counted: Timestamp?

  /// Makes a receipt.
  package init(
    listener: String, direction: ProxyExplanation.Listener.Direction, service: String, requests: Int? = nil,
    expected: Double? = nil, range: ClosedRange<Int>? = nil, stored: Int? = nil, state: State,
    since: Timestamp? = nil, lag: Double? = nil, clockOffset: Double? = nil
  ) {
    self.listener = listener
    self.direction = direction
    self.service = service
    self.requests = requests
    self.expected = expected
    self.range = range
    self.stored = stored
    self.state = state
    self.since = since
    self.lag = lag
    self.clockOffset = clockOffset
  }
}

extension Receipt {
  /// The age of Envoy's count that is worth a word where more spans are stored than are expected, in seconds.
  private static let late = 2.0

  /// The receipt in words: `receipt: 4,118 of 4,120 expected`, `receipt: 0 of ~4,000 for 6 minutes`, `receipt: unknown: …`.
  ///
  /// - Parameter now: when it is read.
  package func text(at now: Timestamp) -> String {
    let expected = Int(expected?.rounded() ?? 0).grouped
    let period = since.map { " for \(now.ago(since: $0))" } ?? ""
    switch state {
    case .idle: return "receipt: no requests"
    case .unknown(let reason): return "receipt: unknown: \(reason)"
    case .silent: return "receipt: 0 of ~\(expected)\(period)"
    case .matches:
      let more = Double(stored ?? 0) > self.expected?.rounded() ?? 0
      let age = counted.map { now.secondsSince($0) } ?? 0
      let late = more && age >= Self.late ? "; Envoy's count is \(Timestamp.words(seconds: age)) old" : ""
      return "receipt: \((stored ?? 0).grouped) of \(expected) expected\(late)"
    case .short:
      let missing = max(0, Int(self.expected?.rounded() ?? 0) - (stored ?? 0))
      return "receipt: \((stored ?? 0).grouped) of \(expected) expected; \(missing.grouped) are missing"
    }
  }
}
