/// A span whose texts are slices of a request's bytes. A parser reuses one draft for all spans, so it allocates no memory per
/// span.
public struct SpanDraft: Sendable {
  /// The id of the trace.
  public var traceID = TraceID(low: 0)
  /// The id of the span.
  public var id: UInt64 = 0
  /// The id of the parent span; `nil` for a root.
  public var parentID: UInt64?
  /// The role of the reporting side.
  public var kind: Span.Kind?
  /// The operation.
  public var name = TextSlice()
  /// The start in microseconds since 1970; 0 if unknown.
  public var timestamp: Int64 = 0
  /// The duration in microseconds; 0 if unknown.
  public var duration: Int64 = 0
  /// The reporting host.
  public var localEndpoint: EndpointDraft?
  /// The host at the other end.
  public var remoteEndpoint: EndpointDraft?
  /// The timestamped events.
  public var annotations: [AnnotationDraft] = []
  /// Its tags.
  public var tags: [TagDraft] = []
  /// Whether the sender asked to keep the span regardless of sampling.
  public var isDebug = false
  /// Whether the span has the id of the caller's span.
  public var isShared = false
  /// See ``Span/hasDoubtfulIDs``.
  public var hasDoubtfulIDs = false

  /// Creates an empty draft.
  public init() {}

  /// Reverses the bytes of the span's and the parent's id.
  public mutating func reverseIDs() {
    id = id.byteSwapped
    parentID = parentID.map(\.byteSwapped)
  }

  /// Clears all fields and keeps the allocated memory.
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

  /// Creates an endpoint without known fields.
  @inlinable public init() {}

  /// Whether all fields are unknown.
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
  /// ``TextHash`` of the value.
  public var valueHash: UInt64

  /// Creates a tag without texts.
  @inlinable public init() {
    key = TextSlice()
    value = TextSlice()
    keyHash = TextHash.empty
    valueHash = TextHash.empty
  }

  /// Creates a tag of texts in some bytes.
  @inlinable public init(key: TextSlice, value: TextSlice, in bytes: UnsafeRawBufferPointer) {
    self.key = key
    self.value = value
    keyHash = TextHash.hash(key.of(bytes))
    valueHash = TextHash.hash(value.of(bytes))
  }
}

/// A ``Span/Annotation`` of slices.
public struct AnnotationDraft: Sendable {
  /// Microseconds since 1970.
  public var timestamp: Int64
  /// The value.
  public var value: TextSlice

  /// Creates an annotation.
  @inlinable public init(timestamp: Int64, value: TextSlice) {
    self.timestamp = timestamp
    self.value = value
  }
}

// MARK: Between drafts and spans

extension SpanDraft {
  /// Replaces the draft by a span whose texts are appended to other bytes.
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
      let (key, value) = (Self.slice(tag.key, &bytes), Self.slice(tag.value, &bytes))
      tags.append(bytes.withUnsafeBytes { TagDraft(key: key, value: value, in: $0) })
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
  /// Converts a draft.
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
