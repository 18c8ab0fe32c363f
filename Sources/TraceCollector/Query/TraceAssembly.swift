/// Puts the spans that the store holds together to traces.
enum TraceAssembly {
  private static let annotationsPerMerge = 1_024

  private struct Identity<Service: Hashable>: Hashable {
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

  /// Traces of spans whose ids have one low half in common.
  ///
  /// A sender that cuts ids to 64 bits takes part in the trace of 128 bits with the same low half. If there are several of
  /// those, their ids are different traces, and the short ones go to the first.
  static func traces(_ spans: [Span]) -> [[Span]] { parts(spans).map(merged) }

  /// As ``traces(_:)``.
  static func traces(_ entries: [SpanEntry]) -> [[SpanEntry]] { parts(entries).map(merged) }

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

  /// The spans without those that were sent twice, in the order of their starts.
  static func merged(_ spans: [Span]) -> [Span] {
    var positions: [Identity<String>: Int] = [:]
    positions.reserveCapacity(spans.count)
    var merged: [Span] = []
    merged.reserveCapacity(spans.count)
    for span in spans {
      let identity = Identity(span)
      if let position = positions[identity] {
        merge(span, into: &merged[position])
      } else {
        positions[identity] = merged.count
        merged.append(span)
      }
    }
    return merged.enumerated().sorted { precedes($0.element, $0.offset, $1.element, $1.offset) }.map(\.element)
  }

  /// The same for what ``SpanEntry`` knows of spans.
  static func merged(_ entries: [SpanEntry]) -> [SpanEntry] {
    var merged: [SpanEntry] = []
    merged.reserveCapacity(entries.count)
    var positions: [Identity<UInt64>: Int] = [:]
    // A few are compared faster than put into a table.
    let isSmall = entries.count <= 16
    for entry in entries {
      let identity = Identity(entry)
      let position = isSmall ? merged.firstIndex { Identity($0) == identity } : positions[identity]
      if let position {
        merged[position].duration = max(merged[position].duration, entry.duration)
        merged[position].parentID = merged[position].parentID ?? entry.parentID
        if merged[position].remoteService == SpanEncoder.empty { merged[position].remoteService = entry.remoteService }
        if merged[position].operation == SpanEncoder.empty { merged[position].operation = entry.operation }
        merged[position].isError = merged[position].isError || entry.isError
      } else {
        if !isSmall { positions[identity] = merged.count }
        merged.append(entry)
      }
    }
    return merged.enumerated().sorted { precedes($0.element, $0.offset, $1.element, $1.offset) }.map(\.element)
  }

  private static func merge(_ span: Span, into other: inout Span) {
    if other == span { return }
    other.duration = max(other.duration, span.duration)
    other.parentID = other.parentID ?? span.parentID
    other.remoteEndpoint = other.remoteEndpoint ?? span.remoteEndpoint
    if other.name.isEmpty { other.name = span.name }
    // Bounded, as something sent over and over with other annotations each time would take ever longer.
    for annotation in span.annotations
    where other.annotations.count < annotationsPerMerge && !other.annotations.contains(annotation) {
      other.annotations.append(annotation)
    }
    for tag in span.tags where other.tag(tag.key) == nil { other.tags.append(tag) }
  }

  /// The order of spans: by start (unknown ones last), the client's side before the server's, by id.
  static func precedes<Member: TraceMember>(
    _ first: Member, _ firstIndex: Int, _ second: Member, _ secondIndex: Int
  ) -> Bool {
    let starts = (first.timestamp > 0 ? first.timestamp : .max, second.timestamp > 0 ? second.timestamp : .max)
    if starts.0 != starts.1 { return starts.0 < starts.1 }
    if first.isServerSide != second.isServerSide { return !first.isServerSide }
    return first.id != second.id ? first.id < second.id : firstIndex < secondIndex
  }
}
