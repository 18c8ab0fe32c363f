import GRDB
import TraceModel

/// Builds a segment from blocks.
struct SegmentBuilder {
  /// A segment with the bytes to store.
  struct Result {
    var segment: Segment
    var head: [UInt8]
    var blobs: [(id: Int64, bytes: [UInt8])]
  }

  private struct Reference {
    let trace: UInt64
    let service: UInt64
    /// The block, and the span in it. Sorting by it sorts by arrival.
    let place: UInt64
  }

  /// About how many bytes a page of lists has.
  private static let pageSize = 8 * 1_024

  private let id: Int64
  private let blocks: [SpanBlock]
  /// The terms of the keys of each schema.
  private let schemas: [[UInt32]]
  private var postings = PostingCollector()
  private var rowCount: UInt32 = 0
  private var services: [UInt64: UInt64] = [:]
  private var serviceList: [UInt64] = []
  private var traces: [UInt64] = []
  /// The part of the trace index after the trace ids and services.
  private var traceIndex = ByteWriter()
  private var chunk = ByteWriter()
  private var chunks: [UInt64] = []
  private var chunkBlobs: [[UInt8]] = []
  private var calls: CallRecorder
  /// The spans and the rows of a trace, in memory that is used again for the next one.
  private var entries: [SpanEntry] = []
  private var rows: [(service: UInt64, lengths: RowLengths)] = []
  private let firstTime: Int64
  private let lastTime: Int64

  private init(id: Int64, _ blocks: [SpanBlock], schemas: [[UInt32]]) {
    self.id = id
    self.blocks = blocks
    self.schemas = schemas
    let times = blocks.lazy.flatMap(\.batch.entries).map(\.time)
    firstTime = times.min() ?? 0
    lastTime = times.max() ?? 0
    calls = CallRecorder(extent: (blocks.last?.received ?? 0) &- (blocks.first?.received ?? 0))
  }

  /// Compacts blocks to a segment.
  ///
  /// - Parameters:
  ///   - schemas: the terms of the keys of each schema.
  ///   - names: the names in the spans.
  ///   - text: the name with a ``TextHash``.
  ///   - earlier: a trace's spans in earlier segments.
  static func build(
    id: Int64, _ blocks: [SpanBlock], schemas: [[UInt32]], names: [Name], text: (UInt64) -> String?,
    earlier: (UInt64) throws -> [SpanEntry]
  ) throws -> Result {
    var builder = SegmentBuilder(id: id, blocks, schemas: schemas)
    try builder.addTraces(earlier)
    return builder.finish(names, text)
  }

  private mutating func addTraces(_ earlier: (UInt64) throws -> [SpanEntry]) throws {
    var references: [Reference] = []
    references.reserveCapacity(blocks.reduce(0) { $0 + $1.count })
    for (number, block) in blocks.enumerated() {
      block.batch.entries.withUnsafeBufferPointer { entries in
        for index in entries.indices {
          references.append(
            Reference(
              trace: entries[index].traceID.low, service: entries[index].service,
              place: UInt64(number) << 32 | UInt64(index)))
        }
      }
    }
    references.sort { first, second in
      if first.trace != second.trace { return first.trace < second.trace }
      return first.service != second.service ? first.service < second.service : first.place < second.place
    }
    var start = 0
    while start < references.count {
      var end = start + 1
      while end < references.count, references[end].trace == references[start].trace { end += 1 }
      addTrace(references[start..<end])
      let before = try earlier(references[start].trace)
      CallLinker.calls(in: before.isEmpty ? entries : before + entries) { calls.add($0) }
      if !before.isEmpty { CallLinker.calls(in: before) { calls.add($0, isSubtracted: true) } }
      start = end
    }
    endChunk()
  }

  private mutating func addTrace(_ references: ArraySlice<Reference>) {
    guard let low = references.first?.trace else { return }
    traces.append(low)
    entries.removeAll(keepingCapacity: true)
    rows.removeAll(keepingCapacity: true)
    var first = Int64.max
    var last = Int64.min
    var length = 0
    for reference in references {
      // The batch is not copied: that would count references to each of its lists.
      let block = blocks[Int(reference.place >> 32)]
      let index = Int(reference.place & 0xFFFF_FFFF)
      let entry = block.batch.entries[index]
      if entries.last?.service != entry.service {
        rows.append((number(ofService: entry.service), RowLengths()))
        rowCount += 1
      }
      let row = rowCount - 1
      rows[rows.count - 1].lengths.add(entry.duration)
      for position in block.batch.terms(at: index) { postings.add(block.batch.terms[position], row: row) }
      postings.add(schema: entry.schema, row: row)
      first = min(first, entry.time)
      last = max(last, entry.time)
      let record = block.batch.records(at: index).count
      length += record + Self.length(of: record)
      entries.append(entry)
    }
    traceIndex.number(UInt64(bitPattern: first &- firstTime))
    traceIndex.number(UInt64(bitPattern: last &- first))
    traceIndex.number(rows.count)
    for row in rows {
      traceIndex.number(row.service)
      row.lengths.write(to: &traceIndex)
    }

    if chunk.bytes.isEmpty {
      chunks.append(low)
      chunk.bytes.reserveCapacity(SegmentChunk.size * 5 / 4)
    }
    chunk.fixed(low)
    chunk.number(length)
    for reference in references {
      let block = blocks[Int(reference.place >> 32)]
      let range = block.batch.records(at: Int(reference.place & 0xFFFF_FFFF))
      chunk.number(range.count)
      block.batch.records.bytes.withUnsafeBytes { chunk.bytes.append(contentsOf: $0[range]) }
    }
    if chunk.bytes.count >= SegmentChunk.size { endChunk() }
  }

  /// The size of an encoded number in bytes.
  private static func length(of number: Int) -> Int {
    number < 0x80 ? 1 : number < 0x4000 ? 2 : number < 0x20_0000 ? 3 : 4
  }

  private mutating func number(ofService service: UInt64) -> UInt64 {
    if let number = services[service] { return number }
    let number = UInt64(serviceList.count)
    services[service] = number
    serviceList.append(service)
    return number
  }

  private mutating func endChunk() {
    guard !chunk.bytes.isEmpty else { return }
    chunkBlobs.append(SegmentChunk.pack(chunk.bytes))
    chunk.bytes.removeAll(keepingCapacity: true)
  }

  private mutating func finish(_ names: [Name], _ text: (UInt64) -> String?) -> Result {
    let lists = postings.lists(schemas)
    var filter = SegmentFilter(capacity: traces.count + lists.count + serviceList.count)
    for trace in traces { filter.insert(SegmentFilter.key(trace: trace)) }
    for service in serviceList { filter.insert(SegmentFilter.key(term: Term.service(service))) }

    var pages: [UInt32] = []
    var pageBlobs: [[UInt8]] = []
    var page = ByteWriter()
    for (term, rows) in lists {
      filter.insert(SegmentFilter.key(term: term))
      if page.bytes.isEmpty { pages.append(term) }
      PostingList.encode(term: term, rows: rows, rowCount: Int(rowCount), to: &page)
      if page.bytes.count >= Self.pageSize {
        pageBlobs.append(page.bytes)
        page.bytes.removeAll(keepingCapacity: true)
      }
    }
    if !page.bytes.isEmpty { pageBlobs.append(page.bytes) }

    var indexBlob = ByteWriter()
    indexBlob.bytes.append(TraceIndex.version)
    indexBlob.fixed(traces)
    indexBlob.fixed(serviceList)
    indexBlob.bytes += traceIndex.bytes

    let segment = Segment(
      id: id, count: blocks.reduce(0) { $0 + $1.count }, received: blocks.map(\.received).max() ?? 0,
      times: (firstTime, lastTime), filter: filter, chunks: chunks, pages: pages)
    var head = ByteWriter()
    head.bytes.append(Segment.version)
    head.fixed(filter.words)
    head.fixed(chunks)
    head.fixed(pages)

    var blobs = [
      (segment.blob(Segment.Part.traceIndex), indexBlob.bytes),
      (segment.blob(Segment.Part.calls), calls.encoded(text)),
      (segment.blob(Segment.Part.names), Name.encode(names)),
    ]
    for (number, bytes) in pageBlobs.enumerated() {
      blobs.append((segment.blob(Segment.Part.firstPage, number), bytes))
    }
    for (number, bytes) in chunkBlobs.enumerated() {
      blobs.append((segment.blob(Segment.Part.firstChunk, number), bytes))
    }
    return Result(segment: segment, head: head.bytes, blobs: blobs)
  }
}

/// Collects the rows of each term. Rows must be added in ascending order.
private struct PostingCollector {
  /// Term numbers by term, with open addressing. A free slot is -1.
  private var slots = [Int32](repeating: -1, count: 1 << 12)
  private var terms: [UInt32] = []
  private var lastRows: [UInt32] = []
  private var counts: [UInt32] = []
  /// Each row of each term: the number of the term, and the row.
  private var pairs: [(term: Int32, row: UInt32)] = []
  private var schemaRows: [UInt32: [UInt32]] = [:]

  mutating func add(_ term: UInt32, row: UInt32) {
    let number = number(of: term)
    guard lastRows[number] != row &+ 1 else { return }
    lastRows[number] = row &+ 1
    counts[number] += 1
    pairs.append((Int32(truncatingIfNeeded: number), row))
  }

  mutating func add(schema: UInt32, row: UInt32) {
    guard schema != 0, schemaRows[schema]?.last != row else { return }
    schemaRows[schema, default: []].append(row)
  }

  private mutating func number(of term: UInt32) -> Int {
    let mask = slots.count - 1
    var slot = Int((term &* 0x9e37_79b1) >> 7) & mask
    while slots[slot] >= 0 {
      if terms[Int(slots[slot])] == term { return Int(slots[slot]) }
      slot = (slot + 1) & mask
    }
    slots[slot] = Int32(truncatingIfNeeded: terms.count)
    terms.append(term)
    lastRows.append(0)
    counts.append(0)
    if terms.count * 2 > slots.count { grow() }
    return terms.count - 1
  }

  private mutating func grow() {
    slots = [Int32](repeating: -1, count: slots.count * 4)
    let mask = slots.count - 1
    for (number, term) in terms.enumerated() {
      var slot = Int((term &* 0x9e37_79b1) >> 7) & mask
      while slots[slot] >= 0 { slot = (slot + 1) & mask }
      slots[slot] = Int32(truncatingIfNeeded: number)
    }
  }

  /// The terms in ascending order, each with its rows in ascending order.
  mutating func lists(_ schemas: [[UInt32]]) -> [(term: UInt32, rows: ArraySlice<UInt32>)] {
    var present: [UInt32: [UInt32]] = [:]
    for (schema, rows) in schemaRows where Int(schema) < schemas.count {
      for key in schemas[Int(schema)] { present[key, default: []] += rows }
    }
    var starts = [Int](repeating: 0, count: counts.count)
    var total = 0
    for (number, count) in counts.enumerated() {
      starts[number] = total
      total += Int(count)
    }
    var rows = [UInt32](repeating: 0, count: total)
    var next = starts
    for pair in pairs {
      rows[next[Int(pair.term)]] = pair.row
      next[Int(pair.term)] += 1
    }
    pairs = []
    // Numbers are sorted faster than lists. The terms that only schemas have get numbers after the others.
    var order = terms.enumerated().map { UInt64($0.element) << 32 | UInt64($0.offset) }
    let inBoth = Set(terms.lazy.filter { present[$0] != nil })
    let others = present.keys.filter { !inBoth.contains($0) }
    order += others.enumerated().map { UInt64($0.element) << 32 | UInt64(terms.count + $0.offset) }
    order.sort()
    return order.map { entry in
      let (term, number) = (UInt32(truncatingIfNeeded: entry >> 32), Int(entry & 0xFFFF_FFFF))
      let own = number < terms.count ? rows[starts[number]..<next[number]] : []
      // A term can come both from a schema and from a span itself: a key without a schema, or an annotation.
      return (term, present[term].map { Self.sorted($0 + own)[...] } ?? own)
    }
  }

  private static func sorted(_ rows: [UInt32]) -> [UInt32] {
    var sorted: [UInt32] = []
    sorted.reserveCapacity(rows.count)
    for row in rows.sorted() where sorted.last != row { sorted.append(row) }
    return sorted
  }
}

extension Name {
  private static let version: UInt8 = 1

  /// Encodes the names of a segment: the version 1, the number of names, and the kind and two texts of each.
  static func encode(_ names: [Name]) -> [UInt8] {
    var writer = ByteWriter()
    writer.bytes.append(version)
    writer.number(names.count)
    for name in names {
      writer.bytes.append(name.kind.rawValue)
      writer.text(name.service)
      writer.text(name.value)
    }
    return writer.bytes
  }

  /// Decodes the names of a segment.
  ///
  /// - Throws: ``UnknownVersion``, or SQLite's error for a damaged database.
  static func decode(_ bytes: UnsafeRawBufferPointer) throws -> [Name] {
    var reader = ByteReader(bytes)
    _ = try reader.version(.names, known: version...version)
    var names: [Name] = []
    for _ in 0..<reader.count(ofSize: 3) {
      let kind = NameKind(rawValue: reader.byte())
      let service = reader.text()
      let value = reader.text()
      if let kind { names.append(Name(kind: kind, service: service, value: value)) }
    }
    if reader.isDamaged { throw DatabaseError(resultCode: .SQLITE_CORRUPT, message: "a list of names is damaged") }
    return names
  }
}
