import Synchronization
package import TraceModel
package import TraceStore

/// Spans in a list. Every answer comes from a look at all of them: it is what a store has to answer, said plainly.
package final class PlainSpanStore: SpanStore {
  package typealias Batch = SpanList

  private struct State {
    var spans: [(span: Span, received: Int64)] = []
    var canaries: [[Span]] = []
    var observers: [@Sendable (StoredSpans) -> Void] = []
    var isClosed = false
  }

  private let state = Mutex(State())
  package let clock: WallClock
  package let autocompleteKeys: [String]
  package let limits = CollectorLimits()
  package let metrics = CollectorMetrics()
  package let privacy = SpanPrivacy()

  /// Makes an empty store.
  package init(clock: WallClock, autocompleteKeys: [String] = []) {
    self.clock = clock
    self.autocompleteKeys = autocompleteKeys
  }

  private static let closed = CollectorError(
    code: .unavailable, message: "the trace store has been closed; send again when it is open")

  @discardableResult
  package func add(_ spans: [Span], bytes: Int) async throws(CollectorError) -> Int {
    let received = clock.milliseconds()
    let spans = privacy.hidden(spans)
    let isClosed = state.withLock { state in
      guard !state.isClosed else { return true }
      state.spans += spans.map { ($0, received) }
      if !spans.isEmpty { for observer in state.observers { observer(StoredSpans(count: spans.count) { _ in spans }) } }
      return false
    }
    if isClosed { throw Self.closed }
    return 0
  }

  package func add(canary batch: SpanList, bytes: Int) async throws(CollectorError) {
    let isClosed = state.withLock { state in
      guard !state.isClosed else { return true }
      state.canaries = (state.canaries + [batch.spans]).suffix(limits.canaryTraces)
      return false
    }
    if isClosed { throw Self.closed }
  }

  package func observe(_ function: @escaping @Sendable (StoredSpans) -> Void) {
    state.withLock { $0.observers.append(function) }
  }

  package var waitingSpanCount: Int { 0 }

  package func recentIDs(in traces: Set<UInt64>) -> Set<KnownID> { [] }

  package func evictedCount(_ kind: NameKind, of owner: String) -> Int { 0 }

  package func run() async throws {}

  package var spanCount: Int { state.withLock { $0.spans.count } }

  package func obstacle() async -> String? { state.withLock { $0.isClosed } ? Self.closed.message : nil }

  package func close() throws(CollectorError) { state.withLock { $0.isClosed = true } }

  private func spans() throws(CollectorError) -> [(span: Span, received: Int64)] {
    let (spans, isClosed) = state.withLock { ($0.spans, $0.isClosed) }
    if isClosed { throw Self.closed }
    return spans
  }

  // MARK: Traces

  /// All traces, each a list of spans in the order of their starts.
  private func allTraces() throws(CollectorError) -> [[Span]] {
    let groups = Dictionary(grouping: try spans().map(\.span), by: \.traceID.low)
    return groups.values.flatMap { TraceAssembly.traces($0) }
  }

  package func trace(_ id: TraceID) async throws(CollectorError) -> [Span]? {
    let own = try spans().map(\.span).filter { $0.traceID.low == id.low }
    let canaries = state.withLock { $0.canaries }.flatMap { $0 }.filter { $0.traceID.low == id.low }
    let traces = TraceAssembly.traces(own.isEmpty ? canaries : own)
    guard id.high != 0 else { return traces.first }
    let exact = traces.first { trace in trace.contains { $0.traceID.high == id.high } }
    return exact ?? traces.first { trace in trace.allSatisfy { $0.traceID.high == 0 } }
  }

  package func traces(_ ids: [TraceID]) async throws(CollectorError) -> [[Span]] {
    var traces: [[Span]] = []
    for id in ids {
      if let trace = try await trace(id), !traces.contains(trace) { traces.append(trace) }
    }
    return traces
  }

  /// The traces that match, in an order; of equal ones the newest first, then the one with the largest id.
  private func matching(_ query: TraceQuery, by order: TraceOrder) throws(CollectorError) -> [[Span]] {
    func key(_ trace: [Span]) -> (Int64, Int64, UInt64, UInt64) {
      let (start, length) = TraceTimes.extent(of: trace)
      let (high, low) = (trace[0].traceID.high, trace[0].traceID.low)
      switch order {
      case .newest: return (TraceTimes.timestamp(of: trace) ?? 0, 0, high, low)
      case .longest: return (length, start, high, low)
      case .spans: return (Int64(trace.count), start, high, low)
      case .errors: return (Int64(trace.count { $0.isError }), start, high, low)
      }
    }
    let canaries = query.includesCanary ? state.withLock { $0.canaries } : []
    return try (allTraces() + canaries).filter { query.matches($0) }.sorted { key($0) > key($1) }
  }

  package func search(_ query: TraceQuery) async throws(CollectorError) -> TraceSearch<[Span]> {
    var search = TraceSearch<[Span]>()
    search.traces = Array(try matching(query, by: .newest).prefix(max(0, query.limit)))
    return search
  }

  package func summaries(
    _ query: TraceQuery, by order: TraceOrder
  ) async throws(CollectorError) -> TraceSearch<TraceSummary> {
    let found = try matching(query, by: order)
    var search = TraceSearch<TraceSummary>()
    search.traces = found.prefix(max(0, query.limit)).compactMap { TraceSummary(SpanTree($0)) }
    search.hasMore = query.limit > 0 && found.count > query.limit
    return search
  }

  // MARK: Names

  private func names(_ names: (Span) -> [String]) -> [String] {
    Set(state.withLock { $0.spans }.flatMap { names($0.span) }).filter { !$0.isEmpty }.sorted()
  }

  package func serviceNames() -> [String] { names { [$0.serviceName] } }

  package func spanNames(service: String) -> [String] {
    let service = service.lowercased()
    return names { $0.serviceName == service ? [$0.name] : [] }
  }

  package func remoteServiceNames(service: String) -> [String] {
    let service = service.lowercased()
    return names { $0.serviceName == service ? [$0.remoteServiceName, $0.peerService] : [] }
  }

  package func autocompleteValues(key: String) -> [String] {
    guard autocompleteKeys.contains(key) else { return [] }
    return names { $0.tags.filter { $0.key == key }.map(\.value) }
  }

  // MARK: Calls

  package func graph(endTs: Int64, lookback: Int64) async throws(CollectorError) -> ServiceGraph {
    PlainCalls(try spans(), endTs: endTs, lookback: lookback).graph(now: clock.milliseconds())
  }

  package func operations(
    service: String, endTs: Int64, lookback: Int64
  ) async throws(CollectorError) -> (operations: [OperationFigures], length: Int64) {
    let calls = PlainCalls(try spans(), endTs: endTs, lookback: lookback)
    return (calls.operations(of: service.lowercased()), calls.length(now: clock.milliseconds()))
  }
}
