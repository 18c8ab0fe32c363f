import Synchronization
import TraceModel

/// Encodes spans as records, and computes their entries and terms. Several threads may encode at the same time, each into its own
/// batch.
///
/// Most spans have one of a few sets of tag keys. Such a set is a schema with a number. The terms of the keys are kept once for each
/// schema instead of for each span. Schemas exist only in memory. The order of the keys does not matter: in protobuf, Envoy's tags
/// are in another order in each span.
final class SpanEncoder: Sendable {
  /// The largest number of schemas. Spans with other sets of tag keys carry the terms of their keys themselves.
  private static let schemaCapacity = 4_096

  let texts: TextTable
  /// What spans must not tell; nil to encode them as they are.
  private let privacy: SpanPrivacy?
  private let known = Mutex(Schemas())
  private let autocompleteKeys: Set<UInt64>

  private struct Schemas {
    /// The terms of the keys of each schema. The first schema has no keys.
    var terms: [[UInt32]] = [[]]
    var numbers: [UInt64: UInt32] = [:]
  }

  /// Memory that is reused from span to span.
  struct Scratch {
    fileprivate var draft = SpanDraft()
    fileprivate var bytes: [UInt8] = []
  }

  init(texts: TextTable, autocompleteKeys: [String], privacy: SpanPrivacy? = nil) {
    self.texts = texts
    self.privacy = privacy
    self.autocompleteKeys = Set(autocompleteKeys.map { TextHash.hash($0) })
  }

  /// The terms of the keys of each schema, by the schema's number.
  var schemas: [[UInt32]] { known.withLock { $0.terms } }

  /// Adds a span to a batch.
  func encode(_ span: Span, received: Int64, to batch: inout SpanBatch, with scratch: inout Scratch) {
    scratch.bytes.removeAll(keepingCapacity: true)
    scratch.draft.fill(span, &scratch.bytes)
    let draft = scratch.draft
    scratch.bytes.withUnsafeBytes { encode(draft, in: $0, received: received, to: &batch) }
  }

  /// Adds a span that has been stored before, as it is.
  func encode(stored span: Span, received: Int64, to batch: inout SpanBatch, with scratch: inout Scratch) {
    scratch.bytes.removeAll(keepingCapacity: true)
    scratch.draft.fill(span, &scratch.bytes)
    let draft = scratch.draft
    var known: EncodedTags?
    scratch.bytes.withUnsafeBytes { write(draft, in: $0, received: received, to: &batch, &known) }
  }

  /// Adds spans to a batch. The drafts refer to texts in `bytes`; tags with the same position are the same.
  ///
  /// - Parameter read: replaces a draft by the next span.
  func encode(
    _ count: Int, in bytes: UnsafeRawBufferPointer, received: Int64, to batch: inout SpanBatch,
    _ read: (inout SpanDraft) -> Void
  ) {
    batch.entries.reserveCapacity(batch.entries.count + count)
    var known: EncodedTags? = count > 1 ? EncodedTags() : nil
    var span = SpanDraft()
    for _ in 0..<count {
      read(&span)
      encode(span, in: bytes, received: received, to: &batch, &known)
    }
  }

  /// Adds a span to a batch. The draft refers to texts in `bytes`.
  func encode(
    _ span: SpanDraft, in bytes: UnsafeRawBufferPointer, received: Int64, to batch: inout SpanBatch
  ) {
    var known: EncodedTags?
    encode(span, in: bytes, received: received, to: &batch, &known)
  }

  /// Adds a span without its secrets. This is the one way from a request into a batch.
  private func encode(
    _ span: SpanDraft, in bytes: UnsafeRawBufferPointer, received: Int64, to batch: inout SpanBatch,
    _ known: inout EncodedTags?
  ) {
    guard let hidden = privacy?.hiding(span, in: bytes) else {
      write(span, in: bytes, received: received, to: &batch, &known)
      return
    }
    batch.hidden.add(hidden.values)
    var scratch = Scratch()
    encode(stored: hidden.span, received: received, to: &batch, with: &scratch)
  }

  private func write(
    _ span: SpanDraft, in bytes: UnsafeRawBufferPointer, received: Int64, to batch: inout SpanBatch,
    _ known: inout EncodedTags?
  ) {
    SpanRecord.encode(span, in: bytes, received: received, texts: texts, to: &batch.records, &known)
    let operation = TextHash.hash(span.name.of(bytes))
    let remoteService = TextHash.hash((span.remoteEndpoint?.serviceName ?? TextSlice()).of(bytes))
    var peer = remoteService
    if let name = span.remoteEndpoint?.serviceName, !PeerService.isName(name.of(bytes)) { peer = TextHash.empty }
    var isProxied = false
    var error: Bool?
    var schema: UInt64 = 0
    let (clusterKey, componentKey, nodeKey) = (PeerService.clusterKey, PeerService.componentKey, PeerService.nodeKey)
    for tag in span.tags {
      let valueHash = tag.valueHash
      batch.terms.append(Term.tag(tag.keyHash, valueHash))
      schema &+= TextHash.fold(tag.keyHash ^ 0x5896_5299_9d7b_1a0f, 0x9fb2_1c65_1e98_df25)
      if tag.keyHash == Self.errorKey, error == nil { error = valueHash != Self.falseValue }
      if tag.keyHash == clusterKey {
        isProxied = true
        let value = tag.value.of(bytes)
        if span.kind == .client, PeerService.isName(value) { peer = PeerService.nameHash(value, valueHash) }
      }
      if tag.keyHash == nodeKey { isProxied = true }
      if tag.keyHash == componentKey, valueHash == PeerService.proxyValue { isProxied = true }
      if !autocompleteKeys.isEmpty, autocompleteKeys.contains(tag.keyHash) {
        batch.completing.insert(batch.entries.count)
      }
    }
    for annotation in span.annotations {
      batch.terms.append(Term.present(TextHash.hash(annotation.value.of(bytes))))
    }
    if !span.name.isEmpty { batch.terms.append(Term.operation(operation)) }
    if remoteService != TextHash.empty { batch.terms.append(Term.remoteService(remoteService)) }
    if peer != TextHash.empty, peer != remoteService { batch.terms.append(Term.remoteService(peer)) }
    if span.duration > 0 { batch.terms.append(Term.duration(Term.bucket(ofDuration: span.duration))) }
    if error == true { batch.terms.append(Term.error) }
    let number = self.schema(schema, of: span, &batch.terms)
    batch.entries.append(
      SpanEntry(
        traceID: span.traceID, id: span.id, parentID: span.parentID, kind: span.kind, isShared: span.isShared,
        isError: error == true, timestamp: span.timestamp, duration: span.duration,
        time: span.timestamp > 0 ? span.timestamp / 1_000 : received,
        service: TextHash.hash((span.localEndpoint?.serviceName ?? TextSlice()).of(bytes)), operation: operation,
        remoteService: remoteService, peer: peer,
        place: span.localEndpoint.map { HostKey($0, in: bytes) } ?? HostKey(), isProxied: isProxied,
        hasDoubtfulIDs: span.hasDoubtfulIDs, schema: number, recordEnd: batch.records.bytes.count,
        termEnd: batch.terms.count))
  }

  private func schema(_ hash: UInt64, of span: SpanDraft, _ terms: inout [UInt32]) -> UInt32 {
    if span.tags.isEmpty { return 0 }
    if let number = known.withLock({ $0.numbers[hash] }) { return number }
    let keys = span.tags.map { Term.present($0.keyHash) }
    let number = known.withLock { known -> UInt32? in
      if let number = known.numbers[hash] { return number }
      guard known.terms.count < Self.schemaCapacity else { return nil }
      let number = UInt32(truncatingIfNeeded: known.terms.count)
      known.terms.append(keys)
      known.numbers[hash] = number
      return number
    }
    if number == nil { terms += keys }
    return number ?? 0
  }

  private static let errorKey = TextHash.hash("error")
  private static let falseValue = TextHash.hash("false")
}
