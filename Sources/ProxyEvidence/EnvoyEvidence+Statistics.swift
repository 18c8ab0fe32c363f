extension EnvoyEvidence {
  /// Makes evidence of statistics.
  package init(_ values: some Sequence<(key: Statistic, value: Int)>) {
    self.init()
    var pendingFailures: [String: Int] = [:]
    for (statistic, value) in values {
      if statistic.counter == .pendingFailures { pendingFailures[statistic.scope] = value }
      add(statistic, value)
    }
    for name in collectors.keys { collectors[name]?.leaveOutOwnAnswers(pendingFailures: pendingFailures[name] ?? 0) }
  }

  private mutating func add(_ statistic: Statistic, _ value: Int) {
    let (scope, counter) = (statistic.scope, statistic.counter)
    switch counter.rawValue {
    case 0..<100: listeners[scope, default: ListenerCounts()].set(counter, value)
    case 100..<200:
      tracer.kind = TracerCounts.Kind(rawValue: scope) ?? tracer.kind
      tracer.add(counter, value)
    case 300..<400: services[scope, default: ServiceCounts()].add(counter, value)
    default: collectors[scope, default: CollectorCounts()].add(counter, value)
    }
  }
}

extension ListenerCounts {
  fileprivate mutating func set(_ counter: Statistic.Counter, _ value: Int) {
    switch counter {
    case .requests: requests = value
    case .active: active = value
    case .resets: resets = value
    case .random: random = value
    case .forced: forced = value
    case .clientEnabled: clientEnabled = value
    case .notTraceable: notTraceable = value
    case .healthChecks, .probes: healthChecks &+= value
    default: break
    }
  }
}

extension TracerCounts {
  fileprivate mutating func add(_ counter: Statistic.Counter, _ value: Int) {
    switch counter {
    case .spansSent: spansSent &+= value
    case .reportsSent: reportsSent &+= value
    case .reportsDropped: reportsDropped &+= value
    case .reportsFailed: reportsFailed &+= value
    case .reportsSkipped: reportsSkipped &+= value
    case .timerFlushes: timerFlushes &+= value
    default: break
    }
  }
}

extension CollectorCounts {
  fileprivate mutating func add(_ counter: Statistic.Counter, _ value: Int) {
    if let status = counter.status {
      answers[status] = value
      return
    }
    switch counter {
    case .connections: connections = value
    case .connectFailures: connectFailures = value
    case .connectTimeouts: connectTimeouts = value
    case .reports: requests = value
    case .requestTimeouts: requestTimeouts = value
    case .resetsByCollector, .resetsByEnvoy, .lostConnections: resets &+= value
    case .noneHealthy: noneHealthy = value
    case .pendingOverflows, .connectionOverflows: overflows &+= value
    case .retries: retries = value
    case .lookups: lookups = value
    case .lookupFailures: lookupFailures = value
    case .lookupsEmpty: lookupsEmpty = value
    case .endpoints: endpoints = value
    case .healthyEndpoints: healthyEndpoints = value
    case .tlsErrors: tlsErrors = value
    case .certificatesMissing, .certificatesWrong, .namesWrong, .hashesWrong: tlsRefusals &+= value
    default: break
    }
  }
}

extension CollectorCounts {
  /// Envoy answers its tracer in the place of a collector that it cannot reach: 503 where there is no address or no connection, and where
  /// the connection ends, 504 where the time is over. Seen with Envoy 1.40.
  fileprivate mutating func leaveOutOwnAnswers(pendingFailures: Int) {
    let failed = noneHealthy &+ pendingFailures &+ resets &+ overflows
    unsent = leaveOut(503, atMost: failed)
    _ = leaveOut(504, atMost: requestTimeouts)
  }

  private mutating func leaveOut(_ status: UInt16, atMost limit: Int) -> Int {
    guard let all = answers[status] else { return 0 }
    let count = min(all, limit)
    answers[status] = all > count ? all - count : nil
    return count
  }
}

extension ServiceCounts {
  fileprivate mutating func add(_ counter: Statistic.Counter, _ value: Int) {
    switch counter {
    case .serviceRequests: requests = value
    case .serviceConnections: connections = value
    // Envoy counts a connection that was not made in time as one that failed too.
    case .serviceConnectFailures: connectFailures = value
    case .serviceConnectTimeouts: connectTimeouts = value
    default: break
    }
  }
}
