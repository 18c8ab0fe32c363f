import Synchronization
package import TraceModel

/// In which order the senders of protobuf put the bytes of their ids, as far as their spans have said.
struct IDOrderMemory: Sendable {
  /// Who sent a span: what tells one process on a host from another. ``TextHash`` of its parts.
  struct Sender: Hashable, Sendable {
    private let number: UInt64

    init(_ span: Span) {
      var number = TextHash.hash(span.serviceName)
      let host = HostKey(span.localEndpoint)
      for part in [
        host.address, UInt64(host.port), TextHash.hash(span.tag("node_id") ?? ""), span.isProxied ? 1 : 2,
      ] {
        number = TextHash.fold(number ^ part, 0x9fb2_1c65_1e98_df25)
      }
      self.number = number
    }
  }

  private struct Known {
    var order: IDOrder
    /// When spans said so last, in milliseconds since 1970.
    var time: Int64
  }

  /// The newer and the older half: when the newer is full, the older is forgotten.
  private var newer: [Sender: Known] = [:]
  private var older: [Sender: Known] = [:]
  static let capacity = 2_048
  /// How long what a sender's spans said counts for others of it, in milliseconds: it may be replaced by one of another
  /// version.
  static let memory: Int64 = 600_000
  /// How long nothing else is looked for, in milliseconds.
  static let fresh: Int64 = 60_000

  var count: Int { newer.count + older.count }

  /// What a sender's spans said within a time, in milliseconds; nil if nothing.
  func order(of sender: Sender, now: Int64, within time: Int64 = memory) -> IDOrder? {
    guard let known = newer[sender] ?? older[sender] else { return nil }
    return (0...time).contains(now &- known.time) ? known.order : nil
  }

  mutating func note(_ order: IDOrder, of sender: Sender, now: Int64) {
    if newer[sender] == nil, newer.count >= Self.capacity {
      older = newer
      newer = [:]
    }
    newer[sender] = Known(order: order, time: now)
  }
}

/// Puts the ids of reports in Zipkin's protobuf into the right order.
package final class IDSettling: Sendable {
  private let memory = Mutex(IDOrderMemory())

  /// Knows of no sender yet.
  package init() {}

  /// How many of a report's traces are looked for in what came before.
  private static let tracesLookedFor = 16

  /// Puts the ids of a report into the right order.
  ///
  /// All spans of a report have theirs in one order, unless they contradict each other: then those of each sender have.
  /// What says so is, first, the spans themselves and what is known of their traces; then what the same sender's spans said
  /// before. What neither decides is left as it is, marked, and counted: when a trace is read, its other spans may tell.
  ///
  /// - Parameters:
  ///   - now: milliseconds since 1970.
  ///   - recentIDs: gives the ids in traces that came lately and are in the right order beyond doubt.
  /// - Returns: how many spans' ids were turned, and of how many nothing told.
  package func settle(
    _ spans: inout [Span], now: Int64, recentIDs: (_ traces: Set<UInt64>) -> Set<KnownID>
  ) -> (turned: Int, undecided: Int) {
    guard !spans.isEmpty else { return (0, 0) }
    let senders = spans.map { IDOrderMemory.Sender($0) }
    var (whole, bySender) = Self.evidence(spans, senders, known: [])
    let isRemembered = memory.withLock { memory in
      bySender.keys.allSatisfy { memory.order(of: $0, now: now, within: IDOrderMemory.fresh) != nil }
    }
    if whole.order == nil, !isRemembered {
      (whole, bySender) = Self.evidence(spans, senders, known: recentIDs(traces(of: spans)))
    }
    var counts = (turned: 0, undecided: 0)
    memory.withLock { memory in
      var remembered: [IDOrderMemory.Sender: IDOrder] = [:]
      for (sender, evidence) in bySender where !evidence.isContradictory {
        if let order = whole.order ?? evidence.order {
          memory.note(order, of: sender, now: now)
        } else {
          remembered[sender] = memory.order(of: sender, now: now)
        }
      }
      for (index, sender) in senders.enumerated() {
        let proved = whole.order ?? bySender[sender]?.order
        if (proved ?? remembered[sender]) == .reversed {
          spans[index].reverseIDs()
          counts.turned += 1
        }
        spans[index].hasDoubtfulIDs = proved == nil
        if proved == nil, remembered[sender] == nil { counts.undecided += 1 }
      }
    }
    return counts
  }

  private static func evidence(
    _ spans: [Span], _ senders: [IDOrderMemory.Sender], known: Set<KnownID>
  ) -> (whole: IDOrder.Evidence, bySender: [IDOrderMemory.Sender: IDOrder.Evidence]) {
    var whole = IDOrder.Evidence()
    var bySender: [IDOrderMemory.Sender: IDOrder.Evidence] = [:]
    for (span, sender) in zip(spans, senders) {
      let evidence = IDOrder.evidence(span) { known.contains(KnownID(trace: span.traceID.low, id: $0)) }
      whole.add(evidence)
      bySender[sender, default: .init()].add(evidence)
    }
    return (whole, bySender)
  }

  private func traces(of spans: [Span]) -> Set<UInt64> {
    var traces: Set<UInt64> = []
    for span in spans where traces.count < Self.tracesLookedFor { traces.insert(span.traceID.low) }
    return traces
  }
}
