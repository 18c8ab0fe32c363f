/// What the store keeps of a span outside of its record.
package struct SpanEntry: Sendable {
  package var traceID: TraceID
  package var id: UInt64
  /// The id of the parent span; `nil` for a root.
  package var parentID: UInt64?
  package var kind: Span.Kind?
  package var isShared: Bool
  /// See ``Span/isError``.
  package var isError: Bool
  /// The start in microseconds since 1970; 0 if unknown.
  package var timestamp: Int64
  /// The duration in microseconds.
  package var duration: Int64
  /// The time by which the span is found, in milliseconds since 1970: its start, or if unknown, the time of its receipt.
  package var time: Int64
  /// ``TextHash`` of the service, the operation and the remote service.
  package var service: UInt64
  package var operation: UInt64
  package var remoteService: UInt64
  /// ``TextHash`` of ``Span/peerService``.
  package var peer: UInt64
  /// The reporting host.
  package var place: HostKey
  /// See ``Span/isProxied``.
  package var isProxied: Bool
  /// See ``Span/hasDoubtfulIDs``.
  package var hasDoubtfulIDs: Bool
  /// The number of its list of tag keys; see ``SpanEncoder``.
  package var schema: UInt32
  /// The end of its record and of its terms. They begin at the end of the previous span's.
  package var recordEnd: Int
  package var termEnd: Int

  /// Creates an entry.
  package init(
    traceID: TraceID,
    id: UInt64,
    parentID: UInt64?,
    kind: Span.Kind?,
    isShared: Bool,
    isError: Bool,
    timestamp: Int64,
    duration: Int64,
    time: Int64,
    service: UInt64,
    operation: UInt64,
    remoteService: UInt64,
    peer: UInt64,
    place: HostKey,
    isProxied: Bool,
    hasDoubtfulIDs: Bool,
    schema: UInt32,
    recordEnd: Int,
    termEnd: Int
  ) {
    self.traceID = traceID
    self.id = id
    self.parentID = parentID
    self.kind = kind
    self.isShared = isShared
    self.isError = isError
    self.timestamp = timestamp
    self.duration = duration
    self.time = time
    self.service = service
    self.operation = operation
    self.remoteService = remoteService
    self.peer = peer
    self.place = place
    self.isProxied = isProxied
    self.hasDoubtfulIDs = hasDoubtfulIDs
    self.schema = schema
    self.recordEnd = recordEnd
    self.termEnd = termEnd
  }
}

extension SpanEntry {
  /// Creates an entry for a span outside of a batch.
  ///
  /// - Parameter received: the time of its receipt, in milliseconds since 1970.
  package init(_ span: Span, received: Int64) {
    self.init(
      traceID: span.traceID, id: span.id, parentID: span.parentID, kind: span.kind, isShared: span.isShared,
      isError: span.isError, timestamp: span.timestamp, duration: span.duration,
      time: span.timestamp > 0 ? span.timestamp / 1_000 : received, service: TextHash.hash(span.serviceName),
      operation: TextHash.hash(span.name), remoteService: TextHash.hash(span.remoteServiceName),
      peer: TextHash.hash(span.peerService), place: span.place, isProxied: span.isProxied,
      hasDoubtfulIDs: span.hasDoubtfulIDs, schema: 0, recordEnd: 0, termEnd: 0)
  }
}

extension SpanEntry: TraceMember {
  package var serviceKey: UInt64 { service }
  package var operationKey: UInt64 { operation }
  /// Not needed for counting.
  package var remotePlace: HostKey { HostKey() }
}
