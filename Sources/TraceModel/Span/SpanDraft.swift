/// A span whose texts still are where they came: slices of a request's bytes. Its owner fills one after the other, so that
/// no memory is asked for per span.
package struct SpanDraft {
  package var traceID = TraceID(low: 0)
  package var id: UInt64 = 0
  package var parentID: UInt64?
  package var kind: Span.Kind?
  package var name = TextSlice()
  package var timestamp: Int64 = 0
  package var duration: Int64 = 0
  package var localEndpoint: EndpointDraft?
  package var remoteEndpoint: EndpointDraft?
  package var annotations: [AnnotationDraft] = []
  package var tags: [TagDraft] = []
  package var isDebug = false
  package var isShared = false
  /// See ``Span/hasDoubtfulIDs``.
  package var hasDoubtfulIDs = false

  /// An empty draft.
  package init() {}

  /// Empties it and keeps its memory.
  package mutating func clear() {
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
package struct EndpointDraft {
  package var serviceName = TextSlice()
  package var ipv4 = TextSlice()
  package var ipv6 = TextSlice()
  package var port: UInt16 = 0

  /// Makes an endpoint of which nothing is known.
  @inlinable package init() {}

  /// Whether nothing is known of it.
  @inlinable package var isEmpty: Bool { serviceName.isEmpty && ipv4.isEmpty && ipv6.isEmpty && port == 0 }
}

/// A ``Span/Tag`` of slices.
package struct TagDraft {
  package var key: TextSlice
  package var value: TextSlice
  /// ``TextHash`` of the key.
  package var keyHash: UInt64

  /// Makes a tag.
  @inlinable package init(key: TextSlice, value: TextSlice, keyHash: UInt64) {
    self.key = key
    self.value = value
    self.keyHash = keyHash
  }
}

/// A ``Span/Annotation`` of slices.
package struct AnnotationDraft {
  package var timestamp: Int64
  package var value: TextSlice

  /// Makes an annotation.
  @inlinable package init(timestamp: Int64, value: TextSlice) {
    self.timestamp = timestamp
    self.value = value
  }
}

// MARK: Between drafts and spans

extension SpanDraft {
  /// Takes the place of what is there, with the texts of a span written behind other bytes.
  package mutating func fill(_ span: Span, _ bytes: inout [UInt8]) {
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
  package init(_ draft: SpanDraft, _ bytes: UnsafeRawBufferPointer) {
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
