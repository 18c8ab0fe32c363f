/// Assembles traces from stored spans.
package enum TraceAssembly {
  private static let annotationsPerMerge = 1_024

  /// Splits spans whose trace ids have the same low half into traces.
  ///
  /// A sender that truncates ids to 64 bits belongs to the 128-bit trace with the same low half. If there are several such traces,
  /// spans with short ids belong to the first.
  package static func traces(_ spans: [Span]) -> [[Span]] { parts(spans).map { merged(IDOrder.settled($0)) } }

  /// As ``traces(_:)``.
  package static func traces(_ entries: [SpanEntry]) -> [[SpanEntry]] {
    parts(entries).map { merged(IDOrder.settled($0)) }
  }

  private static func parts<Member: TraceMember>(_ spans: [Member]) -> [[Member]] {
    var positions: [UInt64: Int] = [:]
    for span in spans where span.traceID.high != 0 && positions[span.traceID.high] == nil {
      positions[span.traceID.high] = positions.count
    }
    guard positions.count > 1 else { return spans.isEmpty ? [] : [spans] }
    var traces = [[Member]](repeating: [], count: positions.count)
    for span in spans { traces[positions[span.traceID.high] ?? 0].append(span) }
    return traces
  }

  /// Removes duplicate spans and sorts by start.
  ///
  /// Two reports are of one span if id, kind, service and start are equal and no field that both have differs. So different spans
  /// that began in the same microsecond keep their names, ports and addresses.
  package static func merged(_ spans: [Span]) -> [Span] { merged(spans, fits: isCompatible, merge: merge) }

  /// The same for ``SpanEntry``.
  package static func merged(_ entries: [SpanEntry]) -> [SpanEntry] {
    merged(entries, fits: isCompatible, merge: merge)
  }

  private static func merged<Member: TraceMember>(
    _ spans: [Member], fits: (Member, Member) -> Bool, merge: (Member, inout Member) -> Void
  ) -> [Member] {
    var merged: [Member] = []
    merged.reserveCapacity(spans.count)
    // A few spans are compared faster than put into a table.
    let isSmall = spans.count <= 16
    var reports = ReportTable<Member.Service>(capacity: isSmall ? 0 : spans.count)
    for span in spans {
      let key = ReportKey(span)
      let position =
        isSmall
        ? merged.firstIndex { $0.id == span.id && ReportKey($0) == key && fits($0, span) }
        : reports.position(of: span, key, in: merged, fits: fits)
      if let position {
        merge(span, &merged[position])
      } else {
        if !isSmall { reports.insert(span, key, merged.count) }
        merged.append(span)
      }
    }
    return merged.enumerated().sorted { precedes($0.element, $0.offset, $1.element, $1.offset) }.map(\.element)
  }

  private static func merge(_ entry: SpanEntry, into other: inout SpanEntry) {
    other.duration = max(other.duration, entry.duration)
    other.parentID = other.parentID ?? entry.parentID
    if other.remoteService == TextHash.empty { other.remoteService = entry.remoteService }
    if other.peer == TextHash.empty { other.peer = entry.peer }
    if other.operation == TextHash.empty { other.operation = entry.operation }
    other.place.fill(entry.place)
    other.isProxied = other.isProxied || entry.isProxied
    other.isError = other.isError || entry.isError
  }

  private static func isCompatible(_ first: SpanEntry, _ second: SpanEntry) -> Bool {
    let empty = TextHash.empty
    return (first.operation == second.operation || first.operation == empty || second.operation == empty)
      && (first.remoteService == second.remoteService || first.remoteService == empty || second.remoteService == empty)
      && first.place.isCompatible(with: second.place)
  }

  private static func isCompatible(_ first: Span, _ second: Span) -> Bool {
    isCompatible(first.name, second.name) && isCompatible(first.localEndpoint, second.localEndpoint)
      && isCompatible(first.remoteEndpoint, second.remoteEndpoint)
  }

  private static func isCompatible(_ first: String, _ second: String) -> Bool {
    first == second || first.isEmpty || second.isEmpty
  }

  private static func isCompatible(_ first: Endpoint?, _ second: Endpoint?) -> Bool {
    guard let first, let second, first != second else { return true }
    return isCompatible(first.serviceName, second.serviceName) && isCompatible(first.ipv4, second.ipv4)
      && isCompatible(first.ipv6, second.ipv6) && (first.port == second.port || first.port == 0 || second.port == 0)
  }

  private static func merge(_ span: Span, into other: inout Span) {
    if other == span { return }
    other.duration = max(other.duration, span.duration)
    other.parentID = other.parentID ?? span.parentID
    other.localEndpoint = filled(other.localEndpoint, span.localEndpoint)
    other.remoteEndpoint = filled(other.remoteEndpoint, span.remoteEndpoint)
    if other.name.isEmpty { other.name = span.name }
    // Limited: a span that is sent repeatedly with other annotations would take more and more time.
    for annotation in span.annotations
    where other.annotations.count < annotationsPerMerge && !other.annotations.contains(annotation) {
      other.annotations.append(annotation)
    }
    for tag in span.tags where other.tag(tag.key) == nil { other.tags.append(tag) }
  }

  private static func filled(_ endpoint: Endpoint?, _ other: Endpoint?) -> Endpoint? {
    guard var endpoint, let other else { return endpoint ?? other }
    if endpoint.serviceName.isEmpty { endpoint.serviceName = other.serviceName }
    if endpoint.ipv4.isEmpty { endpoint.ipv4 = other.ipv4 }
    if endpoint.ipv6.isEmpty { endpoint.ipv6 = other.ipv6 }
    if endpoint.port == 0 { endpoint.port = other.port }
    return endpoint
  }

  /// The order of spans: by start (unknown ones last), the client side before the server side, then by id.
  package static func precedes<Member: TraceMember>(
    _ first: Member, _ firstIndex: Int, _ second: Member, _ secondIndex: Int
  ) -> Bool {
    let starts = (first.timestamp > 0 ? first.timestamp : .max, second.timestamp > 0 ? second.timestamp : .max)
    if starts.0 != starts.1 { return starts.0 < starts.1 }
    if first.isServerSide != second.isServerSide { return !first.isServerSide }
    return first.id != second.id ? first.id < second.id : firstIndex < secondIndex
  }
}

/// The fields that all reports of one span share.
private struct ReportKey<Service: Hashable>: Hashable {
  let id: UInt64
  let kind: Span.Kind?
  let isShared: Bool
  let service: Service
  let timestamp: Int64

  init<Member: TraceMember>(_ span: Member) where Member.Service == Service {
    id = span.id
    kind = span.kind
    isShared = span.isShared
    service = span.serviceKey
    timestamp = span.timestamp
  }
}

/// Finds duplicate reports of spans.
private struct ReportTable<Service: Hashable> {
  /// All fields of a report that can distinguish it from others.
  private struct Whole: Hashable {
    let key: ReportKey<Service>
    let operation: UInt64
    let place: HostKey
  }

  private var wholes: [Whole: Int] = [:]
  private var some: [ReportKey<Service>: [Int]] = [:]
  /// The number of contradicting reports with one key that are compared with a further one.
  private static var compared: Int { 16 }

  init(capacity: Int) {
    wholes.reserveCapacity(capacity)
    some.reserveCapacity(capacity)
  }

  func position<Member: TraceMember>(
    of span: Member, _ key: ReportKey<Service>, in merged: [Member], fits: (Member, Member) -> Bool
  ) -> Int? where Member.Service == Service {
    guard let others = some[key] else { return nil }
    if let exact = wholes[Whole(key: key, operation: span.operationKey, place: span.place)], fits(merged[exact], span) {
      return exact
    }
    return others.first { fits(merged[$0], span) }
  }

  mutating func insert<Member: TraceMember>(_ span: Member, _ key: ReportKey<Service>, _ position: Int)
  where Member.Service == Service {
    wholes[Whole(key: key, operation: span.operationKey, place: span.place)] = position
    if some[key, default: []].count < Self.compared { some[key, default: []].append(position) }
  }
}
