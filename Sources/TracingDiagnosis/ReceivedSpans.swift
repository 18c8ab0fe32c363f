package import MeshModel
package import MeshPolicy

/// What the collector has received of one proxy, in terms of this target.
package struct ReceivedSpans: Sendable, Hashable {
  /// The side and the cluster by which a span belongs to a listener.
  package struct Origin: Sendable, Hashable {
    /// The side of the application.
    package var direction: ProxyExplanation.Listener.Direction
    /// The cluster to which the request was sent, as the span says it: `localhost:8080`, `backend`.
    package var cluster: String

    /// Makes an origin.
    package init(_ direction: ProxyExplanation.Listener.Direction, _ cluster: String) {
      self.direction = direction
      self.cluster = cluster
    }
  }

  /// Spans that were not stored.
  package struct Refusal: Sendable, Hashable {
    /// Why, as the sender was told.
    package var reason: String
    /// How many spans; 0 where their number is not known.
    package var spans: Int
    /// How many requests.
    package var requests: Int

    /// Makes a refusal.
    package init(reason: String, spans: Int, requests: Int) {
      self.reason = reason
      self.spans = spans
      self.requests = requests
    }
  }

  /// The last time that spans were refused.
  package struct LastRefusal: Sendable, Hashable {
    /// Why.
    package var reason: String
    /// When.
    package var time: Timestamp
    /// The status of the answer.
    package var status: Int

    /// Makes a refusal.
    package init(reason: String, time: Timestamp, status: Int) {
      self.reason = reason
      self.time = time
      self.status = status
    }
  }

  /// Spans that were refused, and requests with spans whose number is not known.
  var refusedInAll: Int { refused.reduce(0) { $0 &+ ($1.spans > 0 ? $1.spans : $1.requests) } }

  /// Since when it is counted. A later time than before means that the counts began again.
  package var since: Timestamp
  /// Stored spans.
  package var stored: [Origin: Int] = [:]
  /// When the last span was stored.
  package var lastStored: Timestamp?
  /// Spans that were refused, by reason.
  package var refused: [Refusal] = []
  /// The last time that spans were refused.
  package var lastRefusal: LastRefusal?
  /// How far the clock of the proxy's host is behind the collector's, with the way of reports, in seconds; negative if it is ahead.
  package var clockOffset: Double?
  /// The unit in which times of spans are written, if it is the wrong one: `milliseconds`.
  package var wrongUnit: String?
  /// The names of services in the spans.
  package var services: [String] = []
  /// The id of the trace of the last stored span.
  package var newestTrace: String?

  /// Nothing received.
  package init(since: Timestamp) { self.since = since }

  /// All stored spans.
  package var total: Int { stored.values.reduce(0) { $0 &+ $1 } }
}
