/// Which of Envoy's statistics are evidence, by their names. Source of the names: Envoy 1.40.
package enum EvidenceStatistics {
  /// The query by which Envoy's administration interface tells these statistics, of those that it has used. The expression is that of
  /// RE2; it lets some pass that ``statistic(_:)`` does not know.
  package static let path = "/stats?usedonly&filter=\(percentEncoded(filter))"

  static let filter =
    "^(tracing\\.(zipkin|datadog)\\."
    + "|http\\.[^.]+\\.(downstream_rq_(total|active|rx_reset)|tracing\\.[a-z_]+)$"
    + "|cluster\\.tracing[^.]+\\.(upstream_(rq|cx)_[a-z0-9_]+|update_(attempt|failure|empty)|membership_(total|healthy)"
    + "|ssl\\.(connection_error|fail_verify_[a-z_]+))$"
    + "|cluster\\.[^.]+\\.(upstream_rq_total|upstream_cx_(total|connect_fail|connect_timeout))$)"

  /// The connections that Envoy has made to the control plane.
  package static let discoveryConnections = "cluster.ads_cluster.upstream_cx_total"

  /// Reads the name of a statistic, such as `http.localhost_8080.tracing.random_sampling`; `nil` for one that is no evidence.
  package static func statistic(_ name: some StringProtocol) -> Statistic? {
    guard name.utf8.count <= EvidenceLimits.scopeLength + 64, let first = name.utf8.firstIndex(of: dot) else {
      return nil
    }
    let rest = name[name.utf8.index(after: first)...]
    guard let second = rest.utf8.firstIndex(of: dot) else { return nil }
    let scope = String(rest[..<second])
    let counted = String(rest[rest.utf8.index(after: second)...])
    guard isScope(scope) else { return nil }
    switch name[..<first] {
    case "http":
      let counters = scope == probeListener ? probeCounters : listenerCounters
      guard !ownListeners.contains(scope), let counter = counters[counted] else { return nil }
      return Statistic(scope, counter)
    case "tracing":
      guard TracerCounts.Kind(rawValue: scope) != nil, let counter = tracerCounters[counted] else { return nil }
      return Statistic(scope, counter)
    case "cluster":
      let counter =
        if isCollector(scope) {
          collectorCounters[counted] ?? answers(counted)
        } else {
          isService(scope) ? serviceCounters[counted] : nil
        }
      return counter.map { Statistic(scope, $0) }
    default: return nil
    }
  }

  /// Envoy's name of a statistic.
  package static func name(_ statistic: Statistic) -> String? {
    let counter = statistic.counter
    if let status = counter.status { return "cluster.\(statistic.scope).upstream_rq_\(status)" }
    guard let (kind, counted) = names[counter] else { return nil }
    return "\(kind).\(statistic.scope).\(counted)"
  }

  /// Reads what Envoy's administration interface answers: lines such as `http.backend.downstream_rq_total: 12`.
  package static func values(in text: String) -> [Statistic: Int] {
    var values: [Statistic: Int] = [:]
    for line in text.split(whereSeparator: \.isNewline) {
      guard let colon = line.firstIndex(of: ":"), let statistic = statistic(line[..<colon]),
        let value = Int(line[line.index(after: colon)...].drop { $0 == " " }), value >= 0
      else { continue }
      values[statistic] = value
    }
    return values
  }

  /// How often Envoy has connected to the control plane, from what its administration interface answers.
  package static func discoveryConnections(in text: String) -> Int {
    guard let begin = text.firstRange(of: "\(discoveryConnections): ")?.upperBound else { return 0 }
    return Int(text[begin...].prefix { $0.isNumber }) ?? 0
  }

  /// Whether a cluster is that of a collector, by the name of its statistics.
  package static func isCollector(_ scope: String) -> Bool {
    scope.hasPrefix("tracing_") || scope.hasPrefix("tracing-auto_")
  }

  /// Whether a cluster is that of a service: not the application's own, and not one of the proxy's insides.
  private static func isService(_ scope: String) -> Bool {
    !ownClusters.contains(scope) && !scope.hasPrefix("localhost_") && !scope.hasPrefix("inbound_passthrough_")
      && !scope.hasPrefix("outbound_passthrough_")
  }

  /// Whether a text can be a name in statistics: the control plane's have these characters only.
  private static func isScope(_ text: String) -> Bool {
    !text.isEmpty && text.utf8.count <= EvidenceLimits.scopeLength
      && text.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
          true
        default: false
        }
      }
  }

  private static func answers(_ counted: String) -> Statistic.Counter? {
    guard counted.hasPrefix("upstream_rq_"), let status = UInt16(counted.dropFirst(12)), (100..<600).contains(status),
      counted.utf8.count == 15
    else { return nil }
    return .answers(status)
  }

  private static let dot = UInt8(ascii: ".")

  /// Listeners that are the proxy's own: its administration, and health checks.
  private static let ownListeners: Set = ["admin", "kuma_envoy_admin"]
  /// The listener for health checks: `EnvoyNames.statistics` of its name.
  package static let probeListener = "probe_listener"
  private static let probeCounters: [String: Statistic.Counter] = ["downstream_rq_total": .probes]
  private static let ownClusters: Set = ["ads_cluster", "kuma_envoy_admin", "direct_access", "access_log_sink"]

  private static let listenerCounters: [String: Statistic.Counter] = [
    "downstream_rq_total": .requests, "downstream_rq_active": .active, "downstream_rq_rx_reset": .resets,
    "tracing.random_sampling": .random, "tracing.service_forced": .forced, "tracing.client_enabled": .clientEnabled,
    "tracing.not_traceable": .notTraceable, "tracing.health_check": .healthChecks,
  ]

  private static let tracerCounters: [String: Statistic.Counter] = [
    "spans_sent": .spansSent, "traces_sent": .spansSent, "reports_sent": .reportsSent,
    "reports_dropped": .reportsDropped, "reports_failed": .reportsFailed,
    "reports_skipped_no_cluster": .reportsSkipped, "timer_flushed": .timerFlushes,
  ]

  private static let collectorCounters: [String: Statistic.Counter] = [
    "upstream_cx_total": .connections, "upstream_cx_connect_fail": .connectFailures,
    "upstream_cx_connect_timeout": .connectTimeouts, "upstream_rq_total": .reports,
    "upstream_rq_timeout": .requestTimeouts, "upstream_rq_rx_reset": .resetsByCollector,
    "upstream_rq_tx_reset": .resetsByEnvoy, "upstream_rq_pending_overflow": .pendingOverflows,
    "upstream_cx_overflow": .connectionOverflows, "upstream_rq_retry": .retries, "update_attempt": .lookups,
    "update_failure": .lookupFailures, "update_empty": .lookupsEmpty, "membership_total": .endpoints,
    "membership_healthy": .healthyEndpoints, "ssl.connection_error": .tlsErrors,
    "ssl.fail_verify_no_cert": .certificatesMissing, "ssl.fail_verify_error": .certificatesWrong,
    "ssl.fail_verify_san": .namesWrong, "ssl.fail_verify_cert_hash": .hashesWrong,
    "upstream_cx_none_healthy": .noneHealthy, "upstream_rq_pending_failure_eject": .pendingFailures,
    "upstream_cx_destroy_remote_with_active_rq": .lostConnections,
  ]

  private static let serviceCounters: [String: Statistic.Counter] = [
    "upstream_rq_total": .serviceRequests, "upstream_cx_total": .serviceConnections,
    "upstream_cx_connect_fail": .serviceConnectFailures, "upstream_cx_connect_timeout": .serviceConnectTimeouts,
  ]

  private static let names: [Statistic.Counter: (kind: String, counted: String)] = {
    var names: [Statistic.Counter: (kind: String, counted: String)] = [:]
    let all = [
      ("http", listenerCounters), ("http", probeCounters), ("tracing", tracerCounters), ("cluster", collectorCounters),
      ("cluster", serviceCounters),
    ]
    // Of two names of one counter the first counts: Zipkin's.
    for (kind, counters) in all {
      for (counted, counter) in counters.sorted(by: { $0.key < $1.key }) where names[counter] == nil {
        names[counter] = (kind, counted)
      }
    }
    return names
  }()

  private static func percentEncoded(_ text: String) -> String {
    text.utf8.map { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "."):
        String(UnicodeScalar(byte))
      default:
        "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
      }
    }.joined()
  }
}
