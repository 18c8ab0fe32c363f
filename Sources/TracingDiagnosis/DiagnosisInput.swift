package import MeshModel
package import MeshPolicy
package import ProxyEvidence

/// Everything that is known of one proxy and its spans.
///
/// What is not known is `nil`, which makes a verdict of "unknown" where it would be needed.
package struct DiagnosisInput: Sendable {
  /// The names of a listener of the explanation in Envoy's statistics and in spans.
  package struct Listener: Sendable, Hashable {
    /// The prefix of its statistics: `localhost_8080`, `backend`.
    package var statistics: String
    /// The clusters to which it sends requests, as spans name them: `localhost:8080`, `backend`.
    package var clusters: Set<String>

    /// Names a listener.
    package init(statistics: String, clusters: Set<String>) {
      self.statistics = statistics
      self.clusters = clusters
    }
  }

  /// A configuration that the proxy has not acknowledged yet.
  package struct Outstanding: Sendable, Hashable {
    /// Since when.
    package var since: Timestamp
    /// What kind of configuration it is.
    package var discovery: DataplaneInsight.Discovery

    /// Makes one.
    package init(since: Timestamp, discovery: DataplaneInsight.Discovery) {
      self.since = since
      self.discovery = discovery
    }
  }

  /// Who receives the spans.
  package enum Receiver: Sendable, Hashable {
    /// The collector of this process, which says what it has received.
    case own
    /// Another kuma-trace collector, whose counts are not known here; the text is its address.
    case ours(String)
    /// Another collector, such as Jaeger or a Datadog agent; the text is its address.
    case other(String)
  }

  /// What the proxies of a caller have counted of their requests to a service of this proxy, and what came of it.
  package struct Calls: Sendable, Hashable {
    /// The service that calls.
    package var caller: String
    /// The service that is called.
    package var service: String
    /// Requests that the callers' outbounds counted in the last minute but its newest five seconds, whose counts may be under way.
    package var requests: Int
    /// Requests that the inbounds of all proxies of the service counted in the last minute; `nil` where one of them tells nothing.
    package var counted: Int?
    /// The sampling in force at the caller's proxies, in percent; `nil` where they are not traced.
    package var sampling: Double?

    /// Makes counts.
    package init(caller: String, service: String, requests: Int, counted: Int?, sampling: Double? = nil) {
      self.caller = caller
      self.service = service
      self.requests = requests
      self.counted = counted
      self.sampling = sampling
    }
  }

  /// A program with a tracer of its own that sends spans of a service of this proxy.
  package struct Program: Sendable, Hashable {
    /// What it is called.
    package var name: String
    /// The service.
    package var service: String
    /// The unit in which it writes times, if it is the wrong one: `milliseconds`.
    package var wrongUnit: String?

    /// Makes a program.
    package init(name: String, service: String, wrongUnit: String? = nil) {
      self.name = name
      self.service = service
      self.wrongUnit = wrongUnit
    }
  }

  /// A policy that matches the proxy and does not apply.
  package struct Alternative: Sendable, Hashable {
    /// The policy.
    package var policy: String
    /// What looking up its backend gives.
    package var resolution: BackendResolution
    /// Whether its backend leads to the collector of this process.
    package var leadsToOwnCollector: Bool

    /// Makes an alternative.
    package init(policy: String, resolution: BackendResolution, leadsToOwnCollector: Bool) {
      self.policy = policy
      self.resolution = resolution
      self.leadsToOwnCollector = leadsToOwnCollector
    }
  }

  /// How long spans are kept.
  package struct Retention: Sendable, Hashable {
    /// The age after which spans are removed, in seconds; `nil` for no limit.
    package var age: Double?
    /// The time of the oldest span in the store; `nil` where it is empty.
    package var oldest: Timestamp?

    /// Makes a retention.
    package init(age: Double?, oldest: Timestamp?) {
      self.age = age
      self.oldest = oldest
    }
  }

  /// What the control plane decided, with the connection.
  package var explanation: ProxyExplanation
  /// The names of the explanation's listeners, in the same order.
  package var listeners: [Listener]
  /// The names of the mesh's backends, among which a misspelt one is looked for.
  package var backends: [String] = []
  /// The other policies that match, the strongest first.
  package var alternatives: [Alternative] = []
  /// When the Dataplane was created; `nil` where it is not known.
  package var created: Timestamp?
  /// Since when proxies can connect to this control plane, if this proxy has not connected to it yet; `nil` where it has.
  package var awaited: Timestamp?
  /// What was sent to the proxy and not answered yet.
  package var outstanding: Outstanding?
  /// The other control plane to which the proxy is connected; `nil` where it is connected to this one.
  package var servedBy: String?
  /// What the Envoy has counted.
  package var evidence: EvidenceHistory?
  /// Why there is no evidence: a clause.
  package var evidenceObstacle: String?
  /// The name of the collector's cluster in Envoy's statistics: `tracing_jaeger`.
  package var collectorStatistics: String?
  /// Who receives the spans.
  package var receiver: Receiver
  /// What the collector of this process has received of the proxy, also where that is nothing; `nil` where it is not known.
  package var received: ReceivedSpans?
  /// The programs that send spans of the proxy's services.
  package var programs: [Program] = []
  /// What callers have counted.
  package var calls: [Calls] = []
  /// How long the collector keeps spans.
  package var retention: Retention?
  /// How far back the collector's search looks by itself, in seconds.
  package var searchedSeconds = 900.0
  /// Why the backend needs a newer Envoy than the proxy's: a sentence; `nil` where it does not.
  package var envoyRequirement: String?
  /// How the traces of the proxy's services are broken: a sentence; `nil` where they are not.
  package var brokenTraces: String?
  /// When it is asked.
  package var now: Timestamp

  /// Makes an input of what is always known.
  package init(explanation: ProxyExplanation, listeners: [Listener], receiver: Receiver, now: Timestamp) {
    self.explanation = explanation
    self.listeners = listeners
    self.receiver = receiver
    self.now = now
  }
}
