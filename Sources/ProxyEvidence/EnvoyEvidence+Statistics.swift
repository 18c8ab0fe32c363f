extension EnvoyEvidence {
  /// Makes evidence of statistics.
  package init(_ values: some Sequence<(key: Statistic, value: Int)>) {
    self.init()
    for (statistic, value) in values { add(statistic, value) }
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
    case .healthChecks: healthChecks = value
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
    case .resetsByCollector, .resetsByEnvoy: resets &+= value
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

extension ServiceCounts {
  fileprivate mutating func add(_ counter: Statistic.Counter, _ value: Int) {
    switch counter {
    case .serviceRequests: requests = value
    case .serviceConnections: connections = value
    case .serviceConnectFailures, .serviceConnectTimeouts: connectFailures &+= value
    default: break
    }
  }
}
