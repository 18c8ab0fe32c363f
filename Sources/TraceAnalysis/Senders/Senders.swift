import Synchronization
package import TraceModel

/// A request with spans, beside its spans.
package struct SenderRequest: Sendable {
  /// The name of its format, such as `zipkin-json`; empty if it is not known.
  package var format: String
  /// The host and port to which it was sent; empty if it names none.
  package var authority: String
  /// Its `User-Agent`; empty without one.
  package var userAgent: String
  /// The status of the answer.
  package var status: Int

  /// Describes a request. Texts beyond 256 bytes are shortened.
  package init(format: String, authority: String, userAgent: String, status: Int) {
    self.format = format
    let authority = SenderTally.name(authority)
    let isLowercased = !authority.utf8.contains { (0x41...0x5A).contains($0) }
    self.authority = isLowercased ? authority : authority.lowercased()
    self.userAgent = SenderTally.name(userAgent)
    self.status = status
  }
}

/// Who sends spans: everything that the collector knows of the senders, from their requests alone.
///
/// Requests are noted when their spans are durable, so counts are exact. Memory is bounded for any input, in two generations: when the
/// newer one is full, the older one is evicted. So invented senders cannot make it grow, and whoever sends is noted again.
package final class Senders: Sendable {
  /// The last report of an Envoy.
  package struct Arrival: Sendable, Hashable {
    /// How long ago it arrived, in milliseconds.
    package var age: Int64
    /// The format of its spans, such as `zipkin-protobuf`.
    package var format: String

    /// Creates an arrival.
    package init(age: Int64, format: String) { (self.age, self.format) = (age, format) }
  }

  /// The limits of the memory.
  package struct Limits: Sendable {
    /// Senders in one generation.
    package var senders = 16_384
    /// The texts of one generation, in bytes.
    package var textBytes = 8 * 1024 * 1024

    /// The defaults.
    package init() {}
  }

  private struct State: Sendable {
    var records: TwoGenerations<UInt64, SenderRecord>
    /// The texts of the newer generation in bytes.
    var textBytes = 0
    var uses = SpanUses()
  }

  private let state: Mutex<State>
  private let limits: Limits
  private let clock: WallClock
  private let steady: WallClock
  /// Hides secrets in names.
  private let privacy: SpanPrivacy?

  /// Creates an empty memory.
  ///
  /// - Parameters:
  ///   - clock: the time of day, with which times of spans are compared.
  ///   - steady: a clock that is never set, for ages.
  ///   - privacy: hides secrets in names; nil to keep names as they are.
  package init(
    clock: WallClock = .system, steady: WallClock = .steady, privacy: SpanPrivacy? = nil, limits: Limits = Limits()
  ) {
    (self.clock, self.steady, self.privacy, self.limits) = (clock, steady, privacy, limits)
    state = Mutex(State(records: TwoGenerations(capacity: limits.senders)))
  }

  /// Counts the spans of a request that is being read.
  package func tally() -> SenderTally { SenderTally(now: clock.milliseconds()) }

  // MARK: Requests

  /// Notes a request whose valid spans are durable.
  ///
  /// - Parameters:
  ///   - remarks: what the parser changed, which counts for the sender of the first span.
  package func note(
    _ tally: SenderTally, _ request: SenderRequest, remarks: SpanRemarks = SpanRemarks()
  ) {
    let (now, wall) = (steady.milliseconds(), clock.milliseconds())
    state.withLock { state in
      for (position, group) in tally.groups.enumerated() {
        let reused = state.uses.add(group.uses, now: now)
        change(&state, group.key, { record(of: group, now) }) { record in
          record.note(group, request, now: now, wall: wall, hide: hidden)
          if reused > 0 { record.addReusedIDs(reused) }
          if position == 0, !remarks.isEmpty { record.add(remarks) }
        }
      }
    }
  }

  /// Notes a request of which no span could be read.
  package func noteUnreadable(_ request: SenderRequest, because reason: String) {
    let now = steady.milliseconds()
    let id = request.userAgent.isEmpty ? "unknown" : hidden(request.userAgent)
    let key = SpanOrigin(service: "", address: request.userAgent, tags: []).key
    state.withLock { state in
      change(
        &state, key,
        { SenderRecord(id: id, kind: .unknown, node: nil, instance: "", now: now) },
        { $0.noteUnreadable(reason, request, now: now, hide: hidden) })
    }
  }

  private func change(
    _ state: inout State, _ key: UInt64, _ make: () -> SenderRecord, _ change: (inout SenderRecord) -> Void
  ) {
    let isNew = state.records.bring(key, make)
    var more = 0
    state.records.change(key) { record in
      let before = isNew ? 0 : record.textBytes
      change(&record)
      more = record.textBytes - before
    }
    state.textBytes += more
    if state.records.newerCount == 1 { state.textBytes = max(0, more) }
    if state.textBytes > limits.textBytes {
      state.records.age()
      state.textBytes = 0
    }
  }

  private func record(of group: SenderTally.Group, _ now: Int64) -> SenderRecord {
    let service = hidden(group.service)
    let instance = hidden(group.instance)
    let node = group.node.map(hidden)
    let id = node ?? (instance.isEmpty ? service : "\(service) at \(instance)")
    return SenderRecord(
      id: id.isEmpty ? "unknown" : id, kind: group.kind, node: node, instance: instance, now: now)
  }

  private func hidden(_ name: String) -> String {
    guard let privacy, !name.isEmpty else { return name }
    let span = Span(traceID: TraceID(low: 1), id: 1, name: name)
    return privacy.hiding(span)?.span.name ?? name
  }

  // MARK: Questions

  /// How many senders are known.
  package var count: Int { state.withLock { $0.records.count } }

  /// The senders that match, those of the newest requests first.
  ///
  /// - Parameters:
  ///   - service: a name of a service in their spans; nil for all.
  ///   - limit: how many at most.
  package func reports(service: String? = nil, limit: Int = .max) -> [SenderReport] {
    let (now, wall) = (steady.milliseconds(), clock.milliseconds())
    let records = state.withLock { $0.records.values }
    return records.lazy.map { $0.report(now: now, wall: wall) }
      .filter { service == nil || $0.services.contains(service ?? "") }
      .sorted { ($0.lastSeen, $1.id) > ($1.lastSeen, $0.id) }.prefix(limit).map(\.self)
  }

  /// What is known of an Envoy; nil if no request of its has come.
  ///
  /// - Parameter node: the id of its node, `mesh.name`.
  package func report(ofNode node: String) -> SenderReport? {
    let (key, now, wall) = (SpanOrigin(node: node).key, steady.milliseconds(), clock.milliseconds())
    return state.withLock { $0.records[key] }?.report(now: now, wall: wall)
  }

  /// When the last spans of an Envoy were stored, in milliseconds since 1970; nil if none was.
  package func lastStored(ofNode node: String) -> Int64? {
    let (key, now, wall) = (SpanOrigin(node: node).key, steady.milliseconds(), clock.milliseconds())
    return state.withLock { $0.records[key]?.lastStored }.map { wall &- max(0, now &- $0) }
  }

  /// The last report of each Envoy that has sent one to a host and port, by the id of its node.
  package func arrivals(of nodes: some Sequence<String>, at authority: String) -> [String: Arrival] {
    let (authority, now) = (authority.lowercased(), steady.milliseconds())
    let keys = nodes.map { (node: $0, key: SpanOrigin(node: $0).key) }
    return state.withLock { state in
      var arrivals: [String: Arrival] = [:]
      for (node, key) in keys {
        guard let place = state.records[key]?.places.first(where: { $0.authority == authority }),
          let stored = place.stored
        else { continue }
        arrivals[node] = Arrival(age: max(0, now &- stored), format: place.format)
      }
      return arrivals
    }
  }
}
