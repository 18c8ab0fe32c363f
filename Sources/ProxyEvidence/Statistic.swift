/// One of Envoy's statistics that is evidence: whose it is, and what it counts.
package struct Statistic: Sendable, Hashable {
  /// The prefix of a listener's statistics, the name of a cluster in statistics, or the kind of a tracer.
  package var scope: String
  /// What is counted.
  package var counter: Counter

  /// Names a statistic.
  package init(_ scope: String, _ counter: Counter) {
    self.scope = scope
    self.counter = counter
  }

  /// What can be counted, as a number: from 0 for listeners, from 100 for tracers, from 200 for collectors, from 300 for services;
  /// from 1000 for the answers of a collector by their status.
  package struct Counter: Sendable, Hashable, RawRepresentable {
    package var rawValue: UInt16

    package init(rawValue: UInt16) { self.rawValue = rawValue }
    private init(_ rawValue: UInt16) { self.rawValue = rawValue }

    package static let requests = Counter(0)
    package static let active = Counter(1)
    package static let resets = Counter(2)
    package static let random = Counter(3)
    package static let forced = Counter(4)
    package static let clientEnabled = Counter(5)
    package static let notTraceable = Counter(6)
    package static let healthChecks = Counter(7)
    /// Requests at the proxy's listener for health checks, which traces nothing.
    package static let probes = Counter(8)

    package static let spansSent = Counter(100)
    package static let reportsSent = Counter(101)
    package static let reportsDropped = Counter(102)
    package static let reportsFailed = Counter(103)
    package static let reportsSkipped = Counter(104)
    package static let timerFlushes = Counter(105)

    package static let connections = Counter(200)
    package static let connectFailures = Counter(201)
    package static let connectTimeouts = Counter(202)
    package static let reports = Counter(203)
    package static let requestTimeouts = Counter(204)
    package static let resetsByCollector = Counter(205)
    package static let resetsByEnvoy = Counter(206)
    package static let pendingOverflows = Counter(207)
    package static let connectionOverflows = Counter(208)
    package static let retries = Counter(209)
    package static let lookups = Counter(210)
    package static let lookupFailures = Counter(211)
    package static let lookupsEmpty = Counter(212)
    package static let endpoints = Counter(213)
    package static let healthyEndpoints = Counter(214)
    package static let tlsErrors = Counter(215)
    package static let certificatesMissing = Counter(216)
    package static let certificatesWrong = Counter(217)
    package static let namesWrong = Counter(218)
    package static let hashesWrong = Counter(219)
    package static let noneHealthy = Counter(220)
    package static let pendingFailures = Counter(221)
    package static let lostConnections = Counter(222)

    package static let serviceRequests = Counter(300)
    package static let serviceConnections = Counter(301)
    package static let serviceConnectFailures = Counter(302)
    package static let serviceConnectTimeouts = Counter(303)

    /// Answers with a status, from 100 to 599.
    package static func answers(_ status: UInt16) -> Counter { Counter(1_000 + status) }

    /// The status of the answers that are counted; `nil` for other counters.
    package var status: UInt16? { rawValue >= 1_000 ? rawValue - 1_000 : nil }

    /// Whether it is a number of the moment, which falls too.
    package var isGauge: Bool { self == .active || self == .endpoints || self == .healthyEndpoints }

    /// Whether it is worth a message by itself. Requests in flight come and go all the time.
    package var isNews: Bool { self != .active && self != .probes && self != .timerFlushes && self != .lookups }

    /// Whether it says that something fails, of which a message is not put off.
    package var isFailure: Bool {
      if let status { return status != 202 && status != 200 }
      return switch self {
      case .reportsDropped, .reportsFailed, .reportsSkipped, .connectFailures, .connectTimeouts, .requestTimeouts,
        .resetsByCollector, .noneHealthy, .pendingFailures, .lostConnections, .pendingOverflows, .connectionOverflows,
        .lookupFailures, .lookupsEmpty, .tlsErrors,
        .certificatesMissing, .certificatesWrong, .namesWrong, .hashesWrong:
        true
      default: false
      }
    }

    /// What is kept first where there is too much: 0 for listeners, tracers and collectors, 1 for services.
    package var rank: Int { (300..<400).contains(rawValue) ? 1 : 0 }
  }
}
