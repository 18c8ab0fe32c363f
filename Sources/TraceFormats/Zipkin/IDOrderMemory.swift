import Synchronization
package import TraceModel

/// Remembers the byte order of ids of each sender, as far as its spans have told.
struct IDOrderMemory: Sendable {
  /// The identity of a sender: ``TextHash`` of what distinguishes a process on a host from others.
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
    /// The time of the last evidence, in milliseconds since 1970.
    var time: Int64
  }

  /// Two generations. When the newer one is full, the older one is evicted.
  private var newer: [Sender: Known] = [:]
  private var older: [Sender: Known] = [:]
  static let capacity = 2_048
  /// How long evidence from a sender is valid, in milliseconds. The sender may be replaced by another version.
  static let memory: Int64 = 600_000
  /// How long recent evidence makes further checks unnecessary, in milliseconds.
  static let fresh: Int64 = 60_000

  var count: Int { newer.count + older.count }

  /// The order told by a sender's spans within a period, in milliseconds; `nil` without evidence.
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

/// Corrects the byte order of ids in reports in Zipkin's protobuf.
package final class IDSettling: Sendable {
  private let memory = Mutex(IDOrderMemory())

  /// Creates an empty memory of senders.
  package init() {}

  /// The number of a report's traces that are searched in recent spans.
  private static let tracesLookedFor = 16

  /// Corrects the ids of a report.
  ///
  /// All ids of a report have one order, unless the evidence contradicts itself; then the ids of each sender have one order. The
  /// evidence is, first, the spans themselves and known ids of their traces, then earlier evidence from the same sender. Without
  /// evidence, spans are left as they are, marked and counted: when a trace is read, its other spans may tell the order.
  ///
  /// - Parameters:
  ///   - now: milliseconds since 1970.
  ///   - recentIDs: returns ids of recent traces whose order is certain.
  /// - Returns: the numbers of corrected spans and of spans without evidence.
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
