package import TraceModel

/// What the collector knows of one sender of spans.
///
/// Counts grow from ``since`` on. If a sender is evicted and comes back, or the collector restarts, they begin again at a later
/// ``since``.
package struct SenderReport: Sendable, Hashable, Identifiable {
  /// Who sends.
  package enum Kind: String, Sendable, Hashable, CaseIterable {
    /// A proxy: its spans carry the tag `node_id`, or say that a proxy reported them.
    case proxy
    /// A program with a tracer of its own.
    case program
    /// Requests of which no span could be read, so that nothing but their `User-Agent` is known.
    case unknown
  }

  /// Spans that were not stored, and why.
  package struct Refusal: Sendable, Hashable {
    /// The reason as the sender was told.
    package var reason: String
    /// How many spans; 0 if their number is not known, as in a request that is not readable.
    package var spans: Int
    /// How many requests.
    package var requests: Int
  }

  /// The last time that spans were not stored.
  package struct LastRefusal: Sendable, Hashable {
    /// The reason as the sender was told.
    package var reason: String
    /// When, in milliseconds since 1970.
    package var time: Int64
    /// The HTTP status of the answer.
    package var status: Int
  }

  /// Of a proxy the id of its node, such as `default.web-1`; of a program its service and instance; else its `User-Agent`.
  package var id: String
  /// Who sends.
  package var kind: Kind
  /// The id of the Envoy's node, `mesh.name` in a mesh; nil for others.
  package var node: String?
  /// The names of the services in its spans, at most four, the first ones that were seen.
  package var services: [String] = []
  /// What distinguishes the instance: its `service.instance.id`, or else its address; empty if unknown.
  package var instance = ""
  /// The last `User-Agent` of its requests; empty without one.
  package var userAgent = ""
  /// The names of the formats in which it has sent, such as `zipkin-json`, in the order of their first reports.
  package var formats: [String] = []
  /// The hosts and ports to which it has sent, as its requests name them, at most four.
  package var authorities: [String] = []
  /// Since when its spans are counted here, in milliseconds since 1970.
  package var since: Int64
  /// When its last request came, stored or not, in milliseconds since 1970.
  package var lastSeen: Int64
  /// When its last spans were stored, in milliseconds since 1970; nil if none was.
  package var lastStored: Int64?
  /// Requests with spans of this sender.
  package var requests = 0
  /// Spans that are durable.
  package var spans = 0
  /// Stored spans per second, over about the last minute.
  package var rate = 0.0
  /// Stored spans of a proxy, by the cluster to which it sent the request and its side.
  package var listeners: [SpanListener: Int] = [:]
  /// Spans that were not stored, by the reason; at most eight.
  package var refused: [Refusal] = []
  /// The last time that spans were not stored.
  package var lastRefusal: LastRefusal?
  /// How far the sender's clock is behind the collector's, in milliseconds, including the way of its reports; negative if its clock is
  /// ahead. Nil until it is known. It is the arrival of a report minus the end of its newest span, and of the last 15 reports the value
  /// that a fifth of them are below, so that slow reports and single spans do not count.
  package var clockOffset: Int64?
  /// The unit in which the sender writes times, if it is not that of the format; nil if it is right.
  package var wrongUnit: TimeUnit?
  /// Stored spans with times in a wrong unit.
  package var wrongUnitSpans = 0
  /// Spans that were refused because of an id, or whose ids had to be corrected.
  package var brokenIDs = 0
  /// Spans with the id of another span that the sender had reported before.
  package var reusedIDs = 0
  /// How many spans were changed or not understood in part, by what was done.
  package var remarks: [SpanRemark: Int] = [:]
  /// Keys that were not understood; at most eight.
  package var unknownKeys: [String] = []
  /// The headers by which the sender passes traces on, as far as its spans show it: `B3`, `W3C`.
  package var propagators: [String] = []
  /// Whether an SDK of OpenTelemetry makes its spans.
  package var isOfOpenTelemetry = false
  /// The deprecated exporters and formats that the sender uses.
  package var deprecated: [String] = []
  /// The trace of the last stored span.
  package var newestTrace: TraceID?
  /// What should be changed at the sender; empty if nothing is wrong.
  package var advice: [String] = []

  /// Creates a report of a sender that has sent nothing.
  package init(id: String, kind: Kind, node: String? = nil, since: Int64) {
    (self.id, self.kind, self.node, self.since, lastSeen) = (id, kind, node, since, since)
  }

  /// Spans that were not stored, as far as their number is known.
  package var refusedSpans: Int { refused.reduce(0) { $0 + $1.spans } }
}

/// The side and the cluster of a proxy's span, by which it belongs to a listener.
///
/// An inbound listener has the server's side and a cluster such as `localhost:8080`. An outbound listener has the client's side and
/// the cluster of the service that answered.
package struct SpanListener: Sendable, Hashable {
  /// The side of the call that the proxy reported.
  package enum Side: String, Sendable, Hashable {
    /// The proxy's application was called.
    case server
    /// The proxy's application called.
    case client
    /// The span says neither.
    case unknown
  }

  /// The side of the call that the proxy reported.
  package var side: Side
  /// The tag `upstream_cluster` as Envoy writes it; empty for a request that was sent to no cluster.
  package var cluster: String

  /// Creates the place of a span.
  package init(side: Side, cluster: String) { (self.side, self.cluster) = (side, cluster) }
}

/// A unit of times that senders confuse with others.
package enum TimeUnit: String, Sendable, Hashable, CaseIterable {
  case seconds
  case milliseconds
  case microseconds
  case nanoseconds

  /// How many of this unit are a second.
  package var perSecond: Int64 {
    switch self {
    case .seconds: 1
    case .milliseconds: 1_000
    case .microseconds: 1_000_000
    case .nanoseconds: 1_000_000_000
    }
  }
}
