import Foundation
import GRDB
import PrometheusMetrics
import Synchronization
import TraceModel

extension SegmentStore {
  /// How many times as many spans as make a segment may be in blocks. Then writes wait.
  private static let waitingSegments = 6
  /// Bytes of blocks in memory from which they are compacted, however few spans they have.
  static let compactedBytes = 48 << 20

  /// Stores the spans of some requests in one transaction; gives for each how many names were forgotten for its own.
  func store(_ requests: [Request], on database: Database) -> [Result<Int, CollectorError>] {
    if let refusal = compactionRefusal { return requests.map { _ in .failure(refusal) } }
    var whole = SpanBatch()
    for request in requests { whole.append(request.batch) }
    do {
      let block = try write(whole, on: database)
      let forgotten = requests.map { useNames(of: $0.batch) }
      manifest.withLock { $0.append(block) }
      metrics.commits.increment()
      metrics.namesForgotten.increment(by: forgotten.reduce(0, +))
      tellObservers(of: block)
      compactIfNeeded()
      return forgotten.map { .success($0) }
    } catch {
      let failure = file.error(error, doing: "written")
      return requests.map { _ in .failure(failure) }
    }
  }

  private func write(_ batch: SpanBatch, on database: Database) throws -> SpanBlock {
    let (firstText, texts) = encoder.texts.unstored()
    let block = SpanBlock(
      id: manifest.withLock { $0.nextBlock }, batch: batch,
      received: ages.withLock { $0.now(steady: settings.steadyClock.milliseconds()) })
    try file.transaction(on: database) {
      if !texts.isEmpty {
        let statement = try database.cachedStatement(sql: "INSERT INTO text (id, value) VALUES (?, ?)")
        for (index, text) in texts.enumerated() { try statement.execute(arguments: [firstText + index, text]) }
      }
      let statement = try database.cachedStatement(sql: "INSERT INTO block (id, received, data) VALUES (?, ?, ?)")
      try statement.execute(arguments: [block.id, block.received, Data(SpanBlock.encode(batch))])
    }
    encoder.texts.setStored(firstText + texts.count)
    return block
  }

  /// Notes the names of spans as used; gives how many others were forgotten to make room.
  func useNames(of batch: SpanBatch) -> Int {
    let period = NameTable.period(settings.clock.milliseconds())
    let unknown = names.withLock { names in
      batch.entries.indices.filter {
        !names.isKnown(batch.entries[$0], period: period) || batch.completing.contains($0)
      }
    }
    guard !unknown.isEmpty else { return 0 }
    let texts = encoder.texts.texts
    var forgotten = 0
    for index in unknown {
      let entry = batch.entries[index]
      let isCompleting = batch.completing.contains(index)
      // The other side's name may stand in a tag.
      let hasPeer = entry.peer != TextHash.empty && entry.peer != entry.remoteService
      let (isKnown, peer) = names.withLock { ($0.isKnown(entry, period: period), hasPeer ? $0.text(entry.peer) : nil) }
      // Spans before it may have had the same names, which need not be read once more: everybody's spans wait for this.
      guard isCompleting || !isKnown,
        let span = batch.span(at: index, texts: texts, isWhole: isCompleting || hasPeer && peer == nil)
      else { continue }
      var used = Name.names(of: span, autocompleteKeys: settings.autocompleteKeys)
      if let peer { used.append(Name(kind: .remoteService, service: span.serviceName, value: peer)) }
      forgotten += names.withLock { names in
        let forgotten = names.use(used, period: period, limits: settings.limits)
        names.setKnown(batch.entries[index], period: period)
        return forgotten
      }
    }
    return forgotten
  }

  /// Whether there are as many blocks as may be in memory.
  private var isBehind: Bool {
    let limit = settings.usedSegmentSpans * Self.waitingSegments
    return manifest.withLock { manifest in
      manifest.blockSpans > limit || manifest.blockBytes > Self.compactedBytes * Self.waitingSegments
    }
  }

  /// Whether writes have to wait until some blocks have been compacted.
  var mustWaitForCompaction: Bool { isBehind && manifest.withLock { $0.compactionFailure == nil } }

  private var compactionRefusal: CollectorError? {
    guard let trouble = compactionTrouble else { return nil }
    compactIfNeeded()
    return trouble
  }

  /// Why nothing can be stored: compaction has failed, and there are too many blocks.
  var compactionTrouble: CollectorError? { isBehind ? manifest.withLock { $0.compactionFailure } : nil }
}
