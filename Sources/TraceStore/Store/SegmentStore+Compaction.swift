import Foundation
import GRDB
import Synchronization
import TraceModel

extension SegmentStore {
  /// About how many bytes of a segment one transaction writes. This bounds how long commits of spans wait.
  private static let bytesPerTransaction = 1 << 20

  /// Starts compaction if there are enough blocks.
  func compactIfNeeded() {
    let isNeeded = manifest.withLock { manifest in
      guard !manifest.isCompacting, hasEnough(manifest) else { return false }
      manifest.isCompacting = true
      return true
    }
    guard isNeeded else { return }
    maintain { self.compact() }
  }

  private func hasEnough(_ manifest: Manifest) -> Bool {
    manifest.blockSpans >= settings.usedSegmentSpans || manifest.blockBytes >= Self.compactedBytes
  }

  /// Compacts blocks while there are enough of them. After a failure the blocks stay, and the next call tries again.
  private func compact() {
    while !isClosed, manifest.withLock({ hasEnough($0) }) {
      var failure: CollectorError?
      do { try compactOnce() } catch { failure = file.error(error, doing: "compacted") }
      manifest.withLock { [failure] in $0.compactionFailure = failure }
      if failure != nil { break }
      resumeCommits()
    }
    manifest.withLock { $0.isCompacting = false }
    resumeCommits()
  }

  /// Makes a segment of the oldest blocks.
  func compactOnce() throws {
    let state = manifest.withLock { $0.pinnedCopy() }
    var blocks: [SpanBlock] = []
    var count = 0
    var size = 0
    for block in state.blocks where count < settings.usedSegmentSpans && size < Self.compactedBytes {
      blocks.append(block)
      count += block.count
      size += block.size
    }
    guard let last = blocks.last else { return }
    let (schemas, texts) = (encoder.schemas, encoder.texts.texts)
    let names = names(of: blocks)
    let lookup = self.names.withLock { $0 }
    let neighbours = state.segments.suffix(Segment.reach)
    // Traces are built in the order of their ids, so each chunk of a neighbouring segment is decompressed once.
    let result = try file.pool.read { database in
      let chunks = ChunkReader(metrics)
      return try SegmentBuilder.build(
        id: state.nextSegment, blocks, schemas: schemas, names: names, text: lookup.text
      ) { trace in
        guard neighbours.contains(where: { $0.mayContain(trace: trace) }) else { return [] }
        return try self.entries(of: trace, in: neighbours, texts: texts, chunks, database)
      }
    }
    var blobs = result.blobs[...]
    while !blobs.isEmpty, !isClosed {
      var size = 0
      let some = blobs.prefix { blob in
        defer { size += blob.bytes.count }
        return size < Self.bytesPerTransaction
      }
      blobs = blobs.dropFirst(some.count)
      try write { database in
        let statement = try database.cachedStatement(sql: "INSERT OR REPLACE INTO piece (id, data) VALUES (?, ?)")
        for blob in some { try statement.execute(arguments: [blob.id, Data(blob.bytes)]) }
      }
    }
    guard !isClosed else { return }
    let segment = result.segment
    try write { database in
      try database.execute(
        sql: "INSERT INTO segment (id, spans, received, first_time, last_time, head) VALUES (?, ?, ?, ?, ?, ?)",
        arguments: [
          segment.id, segment.count, segment.received, segment.firstTime, segment.lastTime, Data(result.head),
        ])
      try database.execute(sql: "DELETE FROM block WHERE id <= ?", arguments: [last.id])
    }
    let blockCount = blocks.count
    manifest.withLock { $0.replace(blockCount, with: segment) }
  }

  func write(_ body: (Database) throws -> Void) throws {
    try file.pool.writeWithoutTransaction { database in try file.transaction(on: database) { try body(database) } }
  }

  /// The entries of a trace's spans in some segments, from which calls are counted.
  func entries(
    of trace: UInt64, in segments: some Sequence<Segment>, texts: TextList, _ chunks: ChunkReader, _ database: Database
  ) throws -> [SpanEntry] {
    var entries: [SpanEntry] = []
    for segment in segments {
      try segment.records(of: trace, limit: settings.limits.spansPerTrace, chunks, database) { record in
        guard let (span, received) = try SpanRecord.decode(record, low: trace, texts: texts) else { return }
        entries.append(SpanEntry(span, received: received))
      }
    }
    return entries
  }

  // MARK: Names

  /// The listed names that the spans of some blocks have.
  func names(of blocks: [SpanBlock]) -> [Name] {
    var found: Set<Name> = []
    var seen: Set<UInt64> = []
    let texts = encoder.texts.texts
    let table = names.withLock { $0 }
    for block in blocks {
      for (index, entry) in block.batch.entries.enumerated() {
        if block.batch.completing.contains(index), let span = block.span(at: index, texts: texts) {
          found.formUnion(Name.names(of: span, autocompleteKeys: settings.autocompleteKeys))
        }
        guard seen.insert(NameTable.combination(entry)).inserted else { continue }
        let service = table.text(entry.service) ?? ""
        found.insert(Name(kind: .service, service: service))
        if let value = table.text(entry.operation), !value.isEmpty {
          found.insert(Name(kind: .operation, service: service, value: value))
        }
        for other in [entry.remoteService, entry.peer] {
          if let value = table.text(other), !value.isEmpty {
            found.insert(Name(kind: .remoteService, service: service, value: value))
          }
        }
      }
    }
    return found.filter(table.contains)
  }

  // MARK: Loading

  /// Loads what an earlier run stored, and compacts blocks that would take too much memory.
  func loadContent() throws {
    let segments = manifest.withLock { $0.segments }
    try write { database in
      // These blobs belong to segments that were not finished, or not completely deleted.
      let first = (segments.first?.id ?? 0) << 24
      let end = segments.last.map { ($0.id + 1) << 24 } ?? 0
      try database.execute(sql: "DELETE FROM piece WHERE id < ? OR id >= ?", arguments: [first, end])
    }
    try file.pool.read { database in
      for segment in segments {
        let some = try self.names(of: segment, database)
        // If there are too many names, the newest stay: each segment counts as one minute.
        _ = self.names.withLock { $0.use(some, period: segment.id, limits: settings.limits) }
      }
    }
    var last: Int64 = 0
    while let next = try loadBlocks(after: last) {
      last = next
      if manifest.withLock({ hasEnough($0) }) { try compactOnce() }
    }
  }

  /// Loads blocks until there are enough for a segment. Returns the id of the last one; nil if there was none.
  private func loadBlocks(after last: Int64) throws -> Int64? {
    try file.pool.read { database in
      let rows = try Row.fetchCursor(
        database, sql: "SELECT id, received, data FROM block WHERE id > ? ORDER BY id", arguments: [last])
      let texts = encoder.texts.texts
      var read: Int64?
      while !manifest.withLock({ hasEnough($0) }), let row = try rows.next() {
        guard let id = Int64.fromDatabaseValue(row[0]), let received = Int64.fromDatabaseValue(row[1]) else { continue }
        read = id
        let spans = try row.withUnsafeData(atIndex: 2) { data in
          try data?.withUnsafeBytes { try SpanBlock.decode($0, texts: texts) } ?? []
        }
        var batch = SpanBatch()
        var scratch = SpanEncoder.Scratch()
        for (span, received) in spans {
          encoder.encode(stored: span, received: received, to: &batch, with: &scratch)
          let some = Name.names(of: span, autocompleteKeys: settings.autocompleteKeys)
          _ = names.withLock { $0.use(some, period: NameTable.period(received), limits: settings.limits) }
        }
        let block = SpanBlock(id: id, batch: batch, received: received)
        manifest.withLock { $0.append(block) }
      }
      return read
    }
  }

  /// The names in the spans of a segment that were listed when it was built. Services come first.
  func names(of segment: Segment, _ database: Database) throws -> [Name] {
    let names = try segment.read(segment.blob(Segment.Part.names), database, Name.decode) ?? []
    return names.filter { $0.kind == .service } + names.filter { $0.kind != .service }
  }
}
