import MeshModel
import MeshPolicy
import OrderedCollections
import ProxyEvidence
import TracingDiagnosis

extension ProxyTracing {
  /// What is said of the proxy in detail: everything that decided it, the verdict, the receipts, and what its Envoy has counted.
  ///
  /// - Parameters:
  ///   - now: the time of the answer.
  ///   - page: the address of a page that shows traces; `nil` where there is none.
  func document(now: Timestamp, page: String?) -> DocumentValue {
    var object = explanation.document.object ?? [:]
    object["verdict"] = diagnosis.verdict.document(page: page)
    object["receipts"] = .array(diagnosis.receipts.map { $0.document(now: now) })
    object["evidence"] = evidenceDocument(now: now, isLong: true)
    return .object(object)
  }

  /// What is said of the proxy in a list.
  func item(now: Timestamp, page: String?) -> DocumentValue {
    let document = explanation.document
    var backend = document["backend"]?.object
    backend?["headers"] = nil
    return [
      "mesh": .string(explanation.proxy.mesh), "name": .string(explanation.proxy.name),
      "services": .array(services.map(DocumentValue.string)),
      "status": .string(explanation.connection?.status.rawValue ?? ""),
      "controlPlane": servedBy.map(DocumentValue.string) ?? .null,
      "policy": document["winner"] ?? .null, "backend": backend.map(DocumentValue.object) ?? .null,
      "listeners": [
        "traced": .integer(Int64(explanation.tracedListeners)),
        "total": .integer(Int64(explanation.listeners.count)),
      ],
      "receipt": diagnosis.receipts.joined?.document(now: now) ?? .null,
      "evidence": evidenceDocument(now: now, isLong: false),
      "verdict": diagnosis.verdict.document(page: page),
    ]
  }

  private func evidenceDocument(now: Timestamp, isLong: Bool) -> DocumentValue {
    guard let evidence else {
      return [
        "source": .null, "ageMs": .null, "time": .null,
        "reason": .string(evidenceObstacle ?? "nothing has come yet"),
      ]
    }
    var object: DocumentValue.Object = [
      "source": .string(evidence.source.rawValue), "ageMs": .integer(evidence.age(at: now).wholeMilliseconds),
      "time": .string(evidence.time.description),
      "reason": evidenceObstacle.map(DocumentValue.string) ?? .null,
    ]
    guard isLong else { return .object(object) }
    object["envoyVersion"] = .string(evidence.envoyVersion)
    object["epochBegin"] = .string(evidence.epochBegin.description)
    if let clock = evidence.clockOffset { object["clockOffsetMs"] = .integer(clock.wholeMilliseconds) }
    if evidence.omitted > 0 { object["omittedStatistics"] = .integer(Int64(evidence.omitted)) }
    for (name, value) in evidence.newest.document.object ?? [:] { object[name] = value }
    return .object(object)
  }
}

extension Verdict {
  /// The verdict in document form.
  ///
  /// - Parameter page: the address of a page that shows traces; `nil` where there is none.
  func document(page: String?) -> DocumentValue {
    var object: DocumentValue.Object = [
      "cause": .string(cause.name), "number": .integer(Int64(cause.number)), "level": .string(level.rawValue),
      "fine": .bool(isFine), "title": .string(cause.title), "summary": .string(summary),
      "evidence": .array(
        evidence.map { fact in
          ["source": .string(fact.source == .envoy ? "Envoy" : fact.source.rawValue), "text": .string(fact.text)]
        }),
      "remedy": .string(remedy), "since": since.map { .string($0.description) } ?? .null,
      "trace": trace.map(DocumentValue.string) ?? .null,
    ]
    if let page, let trace { object["traceAddress"] = .string("\(page)/traces/\(trace)") }
    return .object(object)
  }
}

extension Receipt {
  /// The receipt in document form.
  func document(now: Timestamp) -> DocumentValue {
    func count(_ value: Int?) -> DocumentValue { value.map { .integer(Int64($0)) } ?? .null }
    func milliseconds(_ seconds: Double?) -> DocumentValue {
      seconds.flatMap { Int64(exactly: ($0 * 1000).rounded()) }.map(DocumentValue.integer) ?? .null
    }
    var reason = DocumentValue.null
    if case .unknown(let why) = state { reason = .string(why) }
    return [
      "listener": .string(listener), "direction": .string(direction.rawValue), "service": .string(service),
      "requests": count(requests), "expected": expected.map(DocumentValue.number) ?? .null,
      "low": count(range?.lowerBound), "high": count(range?.upperBound), "stored": count(stored),
      "state": .string(state.name), "reason": reason, "since": since.map { .string($0.description) } ?? .null,
      "lagMs": milliseconds(lag), "clockOffsetMs": milliseconds(clockOffset), "text": .string(text(at: now)),
    ]
  }
}

extension [Receipt] {
  /// All receipts of a proxy as one, in the worst of their states; `nil` where there are none.
  var joined: Receipt? {
    func rank(_ receipt: Receipt) -> Int {
      switch receipt.state {
      case .silent: 0
      case .short: 1
      case .unknown: 2
      case .matches: 3
      case .idle: 4
      }
    }
    guard let worst = self.min(by: { rank($0) < rank($1) }) else { return nil }
    guard count > 1, case .matches = worst.state else { return worst }
    var whole = worst
    func sum<Value: Numeric>(_ value: (Receipt) -> Value?) -> Value { reduce(0) { $0 + (value($1) ?? 0) } }
    (whole.requests, whole.expected, whole.stored) = (sum(\.requests), sum(\.expected), sum(\.stored))
    whole.range = nil
    whole.since = compactMap(\.since).min()
    return whole
  }
}

extension EnvoyEvidence {
  /// What was counted, in document form; what was never counted is left out.
  var document: DocumentValue {
    [
      "listeners": Self.table(listeners) { counts in
        [
          "requests": counts.requests, "active": counts.active, "resets": counts.resets, "random": counts.random,
          "forced": counts.forced, "clientEnabled": counts.clientEnabled, "notTraceable": counts.notTraceable,
          "healthChecks": counts.healthChecks,
        ]
      },
      "tracer": tracer.document,
      "collectors": Self.table(collectors) { counts in
        var object: OrderedDictionary<String, Int> = [
          "connections": counts.connections, "connectFailures": counts.connectFailures,
          "connectTimeouts": counts.connectTimeouts, "requests": counts.requests,
          "requestTimeouts": counts.requestTimeouts, "resets": counts.resets, "overflows": counts.overflows,
          "retries": counts.retries, "lookups": counts.lookups, "lookupFailures": counts.lookupFailures,
          "lookupsEmpty": counts.lookupsEmpty, "endpoints": counts.endpoints,
          "healthyEndpoints": counts.healthyEndpoints, "tlsErrors": counts.tlsErrors,
          "tlsRefusals": counts.tlsRefusals,
        ]
        for (status, count) in counts.answers.sorted(by: { $0.key < $1.key }) { object["answers\(status)"] = count }
        return object
      },
      "services": Self.table(services) { counts in
        [
          "requests": counts.requests, "connections": counts.connections, "connectFailures": counts.connectFailures,
          "connectTimeouts": counts.connectTimeouts,
        ]
      },
    ]
  }

  private static func table<Counts>(
    _ parts: [String: Counts], _ numbers: (Counts) -> OrderedDictionary<String, Int>
  ) -> DocumentValue {
    .object(
      DocumentValue.Object(
        uniqueKeysWithValues: parts.sorted { $0.key < $1.key }.map { name, counts in
          (name, .counts(numbers(counts)))
        }))
  }
}

extension TracerCounts {
  /// What was counted, in document form.
  fileprivate var document: DocumentValue {
    var object =
      DocumentValue.counts([
        "spansSent": spansSent, "reportsSent": reportsSent, "reportsDropped": reportsDropped,
        "reportsFailed": reportsFailed, "reportsSkipped": reportsSkipped, "timerFlushes": timerFlushes,
      ]).object ?? [:]
    object["kind"] = kind.map { .string($0.rawValue) } ?? .null
    return .object(object)
  }
}

extension DocumentValue {
  /// Numbers by name, without those that are 0.
  fileprivate static func counts(_ numbers: OrderedDictionary<String, Int>) -> DocumentValue {
    .object(
      Object(
        uniqueKeysWithValues: numbers.filter { $0.value != 0 }.map { ($0.key, .integer(Int64($0.value))) }))
  }
}
