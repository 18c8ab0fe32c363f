import TraceModel
import TraceStore

/// The calls between services in some spans, each a value in a list.
struct PlainCalls {
  /// Calls are counted by slots of so many milliseconds.
  private static let slot: Int64 = 10_000

  private struct Tally {
    var durations: [Int64] = []
    var errors = 0

    mutating func add(_ call: Call) {
      durations.append(max(0, call.duration))
      if call.isError { errors += 1 }
    }

    var figures: CallFigures {
      // 0 stands for an unknown duration.
      let known = durations.filter { $0 > 0 }.sorted()
      func quantile(_ share: Double) -> Int64 {
        guard let longest = known.last else { return 0 }
        let place = max(1, Int((share * Double(known.count)).rounded(.up)))
        // Durations are known to 1.6 %: all of a class count as one from its middle.
        return min(LatencyBuckets.length(of: LatencyBuckets.bucket(of: known[place - 1])), longest)
      }
      return CallFigures(
        calls: durations.count, errors: errors, p50: quantile(0.5), p90: quantile(0.9), p99: quantile(0.99),
        max: durations.max() ?? 0)
    }
  }

  private struct Pair: Hashable {
    var service: String
    var other: String
  }

  private var tallies: [Call.Kind: [Pair: Tally]] = [:]
  private var first: Int64?
  private let from: Int64
  private let to: Int64

  init(_ spans: [(span: Span, received: Int64)], endTs: Int64, lookback: Int64) {
    from = endTs.subtractingReportingOverflow(lookback).overflow ? 0 : max(0, endTs - lookback)
    to = endTs
    var names: [UInt64: String] = [:]
    for (span, _) in spans {
      for name in [span.serviceName, span.name, span.remoteServiceName, span.peerService] {
        names[TextHash.hash(name)] = name
      }
    }
    for group in Dictionary(grouping: spans, by: \.span.traceID.low).values {
      CallLinker.calls(in: group.map { SpanEntry($0.span, received: $0.received) }) { call in
        let start = call.time / Self.slot * Self.slot
        let pair = Pair(service: names[call.service] ?? "", other: names[call.other] ?? "")
        guard start <= to, start > from - Self.slot, !pair.service.isEmpty, call.kind != .edge || !pair.other.isEmpty
        else { return }
        first = min(first ?? start, start)
        tallies[call.kind, default: [:]][pair, default: Tally()].add(call)
      }
    }
  }

  func length(now: Int64) -> Int64 { max(Self.slot, first.map { min(to, now) - max(from, $0) } ?? to - from) }

  private func tallies(_ kind: Call.Kind, by name: (Pair) -> String) -> [String: (calls: Int, errors: Int)] {
    var counts: [String: (calls: Int, errors: Int)] = [:]
    for (pair, tally) in tallies[kind] ?? [:] {
      let before = counts[name(pair)] ?? (0, 0)
      counts[name(pair)] = (before.calls + tally.durations.count, before.errors + tally.errors)
    }
    return counts
  }

  func graph(now: Int64) -> ServiceGraph {
    let edges = (tallies[.edge] ?? [:])
      .map { ServiceGraph.Edge(parent: $0.key.service, child: $0.key.other, figures: $0.value.figures) }
      .sorted { ($0.parent, $0.child) < ($1.parent, $1.child) }
    let (own, requests) = (tallies(.span, by: \.service), tallies(.request, by: \.service))
    let called = tallies(.edge, by: \.other)
    let services = Set(own.keys).union(edges.flatMap { [$0.parent, $0.child] }).sorted().map { name in
      let counts = requests[name] ?? own[name] ?? called[name] ?? (0, 0)
      return ServiceGraph.Service(
        name: name, spans: own[name]?.calls ?? 0, calls: counts.calls, errors: counts.errors)
    }
    return ServiceGraph(services: services, edges: edges, length: length(now: now))
  }

  func operations(of service: String) -> [OperationFigures] {
    func figures(_ kind: Call.Kind) -> [OperationFigures] {
      (tallies[kind] ?? [:]).filter { $0.key.service == service }
        .map { OperationFigures(name: $0.key.other, figures: $0.value.figures) }.sorted { $0.name < $1.name }
    }
    let requests = figures(.request)
    return requests.isEmpty ? figures(.span) : requests
  }
}
