/// What an Envoy has counted of what concerns tracing: since it started, or within a span of time.
///
/// A statistic that Envoy did not tell is 0: it tells those that it has used. Source of the statistics: Envoy 1.40.
package struct EnvoyEvidence: Sendable, Hashable {
  /// What HTTP listeners have counted, by the prefix of their statistics: `EnvoyNames.statistics` of the cluster behind an inbound
  /// (`localhost_8080`) and of the service behind an outbound (`backend`).
  package var listeners: [String: ListenerCounts] = [:]
  /// What the tracer has counted.
  package var tracer = TracerCounts()
  /// What the clusters of collectors have counted, by the name of their statistics (`tracing_jaeger`, `tracing-auto_jaeger`).
  package var collectors: [String: CollectorCounts] = [:]
  /// What the clusters of services have counted, by the name of their statistics (`backend`).
  package var services: [String: ServiceCounts] = [:]

  /// Nothing counted.
  package init() {}
}

/// What the HTTP listeners with one prefix of statistics have counted.
package struct ListenerCounts: Sendable, Hashable {
  /// All requests.
  package var requests = 0
  /// Requests in flight at the moment.
  package var active = 0
  /// Requests whose client went away. Most of them have spans and do not count as decided. Seen with Envoy 1.40.
  package var resets = 0
  /// Requests that are traced because the sampling chose them.
  package var random = 0
  /// Requests that are traced because somebody forced it, by `x-envoy-force-trace`.
  package var forced = 0
  /// Requests that are traced because their client asked for it, by `x-client-trace-id`.
  package var clientEnabled = 0
  /// Requests that are not traced: the sampling did not choose them, or their request id is not one that Envoy can trace by.
  package var notTraceable = 0
  /// Health checks, which are never traced.
  package var healthChecks = 0

  /// Nothing counted.
  package init() {}

  /// Requests that are traced.
  package var decided: Int { random + forced + clientEnabled }
}

/// What the tracers of an Envoy have counted.
package struct TracerCounts: Sendable, Hashable {
  /// A tracer of Envoy that counts. Its tracer for OpenTelemetry counts nothing by these names.
  package enum Kind: String, Sendable, Hashable, CaseIterable {
    case zipkin
    case datadog
  }

  /// Which tracer has counted; `nil` if none has.
  package var kind: Kind?
  /// Spans in reports that were handed over for sending; the same for traces of Datadog's tracer.
  package var spansSent = 0
  /// Reports that were answered: by Zipkin's tracer with 202 only. Datadog's tracer counts 200 here.
  package var reportsSent = 0
  /// Reports that were answered otherwise.
  package var reportsDropped = 0
  /// Reports that got no answer: no connection, no answer in time, an end of the connection. Zipkin's tracer counts these as
  /// ``reportsDropped`` too.
  package var reportsFailed = 0
  /// Reports that were thrown away because the collector's cluster does not exist.
  package var reportsSkipped = 0
  /// Reports that were made because time was over, not because there were enough spans.
  package var timerFlushes = 0

  /// Nothing counted.
  package init() {}
}

/// What the cluster of a collector has counted.
package struct CollectorCounts: Sendable, Hashable {
  /// Connections that were begun.
  package var connections = 0
  /// Connections that were refused, or failed while they were encrypted.
  package var connectFailures = 0
  /// Connections that were not made in time.
  package var connectTimeouts = 0
  /// Reports that were sent over a connection, with those that are tried again.
  package var requests = 0
  /// Answers of the collector by their status; at most ``EvidenceLimits/answers`` different ones.
  ///
  /// Envoy counts a report that it could not send as one with 503, and one without an answer in time as one with 504. These are not
  /// here: see ``unsent``. If reports of both kinds are lost at once, some answers with 503 may be missing.
  package var answers: [UInt16: Int] = [:]
  /// Reports that Envoy could not send, as far as its counters of 503 say so.
  package var unsent = 0
  /// Reports for which the collector's name had no address.
  package var noneHealthy = 0
  /// Reports without an answer in time.
  package var requestTimeouts = 0
  /// Reports whose connection or stream was ended before the answer.
  package var resets = 0
  /// Reports and connections that were beyond a circuit breaker.
  package var overflows = 0
  /// Reports that were tried again.
  package var retries = 0
  /// Look-ups of the name.
  package var lookups = 0
  /// Look-ups that failed. A name that there is not counts as found, with no ``endpoints``. Seen with Envoy 1.40.
  package var lookupFailures = 0
  /// Look-ups with an empty answer.
  package var lookupsEmpty = 0
  /// Addresses that the cluster has now.
  package var endpoints = 0
  /// Those of them that Envoy uses.
  package var healthyEndpoints = 0
  /// Handshakes of TLS that failed, whatever for.
  package var tlsErrors = 0
  /// Certificates of the collector that were refused.
  package var tlsRefusals = 0

  /// Nothing counted.
  package init() {}
}

/// What the cluster of a service has counted.
package struct ServiceCounts: Sendable, Hashable {
  /// Requests that were sent to the service; none for TCP.
  package var requests = 0
  /// Connections to the service that were begun.
  package var connections = 0
  /// Connections that were refused or not made in time.
  package var connectFailures = 0
  /// Those of them that were not made in time.
  package var connectTimeouts = 0

  /// Nothing counted.
  package init() {}
}
