/// A span whose texts still are where they came: slices of a request's bytes. Its owner fills one after the other, so that
/// no memory is asked for per span.
public struct SpanDraft: Sendable {
  /// The trace of which it is a part.
  public var traceID = TraceID(low: 0)
  /// The id of the span.
  public var id: UInt64 = 0
  /// The id of the span that caused it; nil for the first one.
  public var parentID: UInt64?
  /// The role of the side that reported it.
  public var kind: Span.Kind?
  /// The operation.
  public var name = TextSlice()
  /// Its start in microseconds since 1970; 0 if unknown.
  public var timestamp: Int64 = 0
  /// How long it took in microseconds; 0 if unknown.
  public var duration: Int64 = 0
  /// The host that reported it.
  public var localEndpoint: EndpointDraft?
  /// The host at the other end.
  public var remoteEndpoint: EndpointDraft?
  /// What happened when.
  public var annotations: [AnnotationDraft] = []
  /// Its tags.
  public var tags: [TagDraft] = []
  /// Whether it is kept whatever is sampled.
  public var isDebug = false
  /// Whether the other side of the call has the same id.
  public var isShared = false
  /// See ``Span/hasDoubtfulIDs``.
  public var hasDoubtfulIDs = false

  /// An empty draft.
  public init() {}

  /// Empties it and keeps its memory.
  public mutating func clear() {
    traceID = TraceID(low: 0)
    id = 0
    parentID = nil
    kind = nil
    name = TextSlice()
    timestamp = 0
    duration = 0
    localEndpoint = nil
    remoteEndpoint = nil
    annotations.removeAll(keepingCapacity: true)
    tags.removeAll(keepingCapacity: true)
    isDebug = false
    isShared = false
    hasDoubtfulIDs = false
  }
}

/// An ``Endpoint`` of slices.
public struct EndpointDraft: Sendable {
  /// The name of the service.
  public var serviceName = TextSlice()
  /// The IPv4 address.
  public var ipv4 = TextSlice()
  /// The IPv6 address.
  public var ipv6 = TextSlice()
  /// The port; 0 if unknown.
  public var port: UInt16 = 0

  /// Makes an endpoint of which nothing is known.
  @inlinable public init() {}

  /// Whether nothing is known of it.
  @inlinable public var isEmpty: Bool { serviceName.isEmpty && ipv4.isEmpty && ipv6.isEmpty && port == 0 }
}

/// A ``Span/Tag`` of slices.
public struct TagDraft: Sendable {
  /// The key.
  public var key: TextSlice
  /// The value.
  public var value: TextSlice
  /// ``TextHash`` of the key.
  public var keyHash: UInt64

  /// Makes a tag.
  @inlinable public init(key: TextSlice, value: TextSlice, keyHash: UInt64) {
    self.key = key
    self.value = value
    self.keyHash = keyHash
  }
}

/// A ``Span/Annotation`` of slices.
public struct AnnotationDraft: Sendable {
  /// Microseconds since 1970.
  public var timestamp: Int64
  /// The value.
  public var value: TextSlice

  /// Makes an annotation.
  @inlinable public init(timestamp: Int64, value: TextSlice) {
    self.timestamp = timestamp
    self.value = value
  }
}

// MARK: Between drafts and spans

extension SpanDraft {
  /// Takes the place of what is there, with the texts of a span written behind other bytes.
  public mutating func fill(_ span: Span, _ bytes: inout [UInt8]) {
    clear()
    traceID = span.traceID
    id = span.id
    parentID = span.parentID
    kind = span.kind
    timestamp = span.timestamp
    duration = span.duration
    isDebug = span.isDebug
    isShared = span.isShared
    hasDoubtfulIDs = span.hasDoubtfulIDs
    name = Self.slice(span.name, &bytes)
    localEndpoint = span.localEndpoint.map { EndpointDraft($0, &bytes) }
    remoteEndpoint = span.remoteEndpoint.map { EndpointDraft($0, &bytes) }
    for annotation in span.annotations {
      annotations.append(AnnotationDraft(timestamp: annotation.timestamp, value: Self.slice(annotation.value, &bytes)))
    }
    for tag in span.tags {
      tags.append(
        TagDraft(
          key: Self.slice(tag.key, &bytes), value: Self.slice(tag.value, &bytes), keyHash: TextHash.hash(tag.key)))
    }
  }

  fileprivate static func slice(_ text: String, _ bytes: inout [UInt8]) -> TextSlice {
    let start = bytes.count
    bytes.append(contentsOf: text.utf8)
    return TextSlice(start: start, count: bytes.count - start)
  }
}

extension EndpointDraft {
  fileprivate init(_ endpoint: Endpoint, _ bytes: inout [UInt8]) {
    serviceName = SpanDraft.slice(endpoint.serviceName, &bytes)
    ipv4 = SpanDraft.slice(endpoint.ipv4, &bytes)
    ipv6 = SpanDraft.slice(endpoint.ipv6, &bytes)
    port = endpoint.port
  }
}

extension Span {
  /// The span of a draft.
  public init(_ draft: SpanDraft, _ bytes: UnsafeRawBufferPointer) {
    func text(_ slice: TextSlice) -> String { String(decoding: slice.of(bytes), as: UTF8.self) }
    func endpoint(_ draft: EndpointDraft) -> Endpoint {
      Endpoint(
        serviceName: text(draft.serviceName), ipv4: text(draft.ipv4), ipv6: text(draft.ipv6), port: draft.port)
    }
    self.init(
      traceID: draft.traceID, id: draft.id, parentID: draft.parentID, kind: draft.kind, name: text(draft.name),
      timestamp: draft.timestamp, duration: draft.duration, localEndpoint: draft.localEndpoint.map(endpoint),
      remoteEndpoint: draft.remoteEndpoint.map(endpoint),
      annotations: draft.annotations.map { Annotation(timestamp: $0.timestamp, value: text($0.value)) },
      tags: draft.tags.map { Tag(text($0.key), text($0.value)) }, isDebug: draft.isDebug, isShared: draft.isShared)
    hasDoubtfulIDs = draft.hasDoubtfulIDs
  }
}
