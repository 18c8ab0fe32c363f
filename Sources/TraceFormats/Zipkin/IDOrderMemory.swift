import Synchronization
package import TraceModel

/// Remembers the byte order of ids of each sender, as far as its spans have told.
struct IDOrderMemory: Sendable {
  /// The identity of a sender: ``TextHash`` of what distinguishes a process on a host from others.
  struct Sender: Hashable, Sendable {
    private let number: UInt64

    /// - Parameter bytes: the bytes of the span's texts.
    init(_ span: SpanDraft, _ tags: ArraySlice<TagDraft>, in bytes: UnsafeRawBufferPointer) {
      let endpoint = span.localEndpoint ?? EndpointDraft()
      let host = HostKey(endpoint, in: bytes)
      var node = TextHash.empty
      var isProxied = false
      for tag in tags {
        switch tag.keyHash {
        case PeerService.nodeKey: (node, isProxied) = (tag.valueHash, true)
        case PeerService.clusterKey: isProxied = true
        case PeerService.componentKey: isProxied = isProxied || tag.valueHash == PeerService.proxyValue
        default: break
        }
      }
      var number = TextHash.hash(endpoint.serviceName.of(bytes))
      for part in [host.address, UInt64(host.port), node, isProxied ? 1 : 2] {
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

  private var senders = TwoGenerations<Sender, Known>(capacity: capacity)
  static let capacity = 2_048
  /// How long evidence from a sender is valid, in milliseconds. The sender may be replaced by another version.
  static let memory: Int64 = 600_000
  /// How long recent evidence makes further checks unnecessary, in milliseconds.
  static let fresh: Int64 = 60_000

  var count: Int { senders.count }

  /// The order told by a sender's spans within a period, in milliseconds; `nil` without evidence.
  func order(of sender: Sender, now: Int64, within time: Int64 = memory) -> IDOrder? {
    guard let known = senders[sender] else { return nil }
    return (0...time).contains(now &- known.time) ? known.order : nil
  }

  mutating func note(_ order: IDOrder, of sender: Sender, now: Int64) {
    senders.set(Known(order: order, time: now), for: sender)
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
    _ report: inout ReportedSpans, now: Int64, recentIDs: (_ traces: Set<UInt64>) -> Set<KnownID>
  ) -> (turned: Int, undecided: Int) {
    guard report.count > 0 else { return (0, 0) }
    var groups = SenderGroups(report)
    let isRemembered = memory.withLock { memory in
      groups.senders.allSatisfy { memory.order(of: $0, now: now, within: IDOrderMemory.fresh) != nil }
    }
    if groups.whole.order == nil, !isRemembered {
      groups.look(report, known: recentIDs(traces(of: report)))
    }
    var counts = (turned: 0, undecided: 0)
    // The order of each sender's ids, and whether evidence in this report proves it.
    let orders = memory.withLock { memory in
      groups.senders.indices.map { group -> (order: IDOrder?, isProved: Bool) in
        let evidence = groups.evidence[group]
        if let order = groups.whole.order ?? evidence.order {
          if !evidence.isContradictory { memory.note(order, of: groups.senders[group], now: now) }
          return (order, true)
        }
        return (evidence.isContradictory ? nil : memory.order(of: groups.senders[group], now: now), false)
      }
    }
    for (index, group) in groups.numbers.enumerated() {
      let (order, isProved) = orders[group]
      if order == .reversed {
        report[index].reverseIDs()
        counts.turned += 1
      }
      report[index].hasDoubtfulIDs = !isProved
      if order == nil { counts.undecided += 1 }
    }
    return counts
  }

  private func traces(of report: ReportedSpans) -> Set<UInt64> {
    var traces: Set<UInt64> = []
    for position in 0..<report.count where traces.count < Self.tracesLookedFor {
      traces.insert(report[position].traceID.low)
    }
    return traces
  }
}

/// The senders of a report's spans, and what their ids tell.
private struct SenderGroups {
  private(set) var senders: [IDOrderMemory.Sender] = []
  /// The evidence from each sender's spans, and from all.
  private(set) var evidence: [IDOrder.Evidence] = []
  private(set) var whole = IDOrder.Evidence()
  /// For each span the number of its sender.
  private(set) var numbers: [Int] = []

  /// Groups the spans, and looks at their ids.
  init(_ report: ReportedSpans) {
    numbers.reserveCapacity(report.count)
    var known: [IDOrderMemory.Sender: Int] = [:]
    report.bytes.withUnsafeBytes { bytes in
      for position in 0..<report.count {
        let sender = IDOrderMemory.Sender(report[position], report.tags(of: position), in: bytes)
        // Fast path: a proxy reports for itself.
        if let last = numbers.last, senders[last] == sender {
          numbers.append(last)
        } else if let number = known[sender] {
          numbers.append(number)
        } else {
          known[sender] = senders.count
          numbers.append(senders.count)
          senders.append(sender)
        }
      }
    }
    evidence = [IDOrder.Evidence](repeating: .init(), count: senders.count)
    look(report, known: [])
  }

  /// Adds evidence.
  ///
  /// - Parameter known: known ids of the spans' traces.
  mutating func look(_ report: ReportedSpans, known: Set<KnownID>) {
    for (position, number) in numbers.enumerated() {
      let span = report[position]
      let some = IDOrder.evidence(span) { id in
        !known.isEmpty && known.contains(KnownID(trace: span.traceID.low, id: id))
      }
      whole.add(some)
      evidence[number].add(some)
    }
  }
}
