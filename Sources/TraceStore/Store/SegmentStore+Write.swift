import Foundation
import GRDB
import PrometheusMetrics
import Synchronization
import TraceModel

extension SegmentStore {
  /// Commits wait for compaction while the blocks have more spans than this number of segments.
  private static let waitingSegments = 6
  /// Blocks that take this number of bytes are compacted, however few spans they have.
  static let compactedBytes = 48 << 20

  /// Stores the spans of some requests in one transaction. Returns for each request how many names it evicted.
  func store(_ requests: [Request], on database: Database) -> [Result<Int, CollectorError>] {
    if let refusal = compactionRefusal { return requests.map { _ in .failure(refusal) } }
    var whole = SpanBatch()
    for request in requests where !request.isCanary { whole.append(request.batch) }
    // Each request counts its own.
    whole.hidden = HiddenValues()
    do {
      let block = try write(whole, requests.filter(\.isCanary).map(\.batch), on: database)
      let evicted = requests.map { $0.isCanary ? 0 : useNames(of: $0.batch) }
      if let block {
        manifest.withLock { $0.append(block) }
        metrics.commits.increment()
        metrics.namesEvicted.increment(by: evicted.reduce(0, +))
        notifyObservers(of: block)
        compactIfNeeded()
      }
      return evicted.map { .success($0) }
    } catch {
      let failure = file.error(error, doing: "written")
      return requests.map { _ in .failure(failure) }
    }
  }

  /// Writes the spans of a commit. Returns their block; nil if there are only traces of the canary.
  private func write(_ batch: SpanBatch, _ canaries: [SpanBatch], on database: Database) throws -> SpanBlock? {
    let (firstText, texts) = encoder.texts.unstored()
    let received = ages.withLock { $0.now(steady: settings.steadyClock.milliseconds()) }
    let block =
      batch.count == 0 ? nil : SpanBlock(id: manifest.withLock { $0.nextBlock }, batch: batch, received: received)
    try file.transaction(on: database) {
      if !texts.isEmpty {
        let statement = try database.cachedStatement(sql: "INSERT INTO text (id, value) VALUES (?, ?)")
        for (index, text) in texts.enumerated() { try statement.execute(arguments: [firstText + index, text]) }
      }
      if let block {
        let statement = try database.cachedStatement(sql: "INSERT INTO block (id, received, data) VALUES (?, ?, ?)")
        try statement.execute(arguments: [block.id, received, Data(SpanBlock.encode(batch))])
      }
      for canary in canaries { try write(canary: canary, received: received, on: database) }
    }
    encoder.texts.setStored(firstText + texts.count)
    return block
  }

  /// Marks the names of spans as used. Returns how many other names were evicted.
  func useNames(of batch: SpanBatch) -> Int {
    let period = NameTable.period(settings.clock.milliseconds())
    let unknown = names.withLock { names in
      batch.entries.indices.filter {
        !names.isKnown(batch.entries[$0], period: period) || batch.completing.contains($0)
      }
    }
    guard !unknown.isEmpty else { return 0 }
    let texts = encoder.texts.texts
    var evicted = 0
    for index in unknown {
      let entry = batch.entries[index]
      let isCompleting = batch.completing.contains(index)
      // A tag may name the service at the other end.
      let hasPeer = entry.peer != TextHash.empty && entry.peer != entry.remoteService
      let (isKnown, peer) = names.withLock { ($0.isKnown(entry, period: period), hasPeer ? $0.text(entry.peer) : nil) }
      // An earlier span of the batch may have had the same names. Skipping it matters, because all commits wait for this code.
      guard isCompleting || !isKnown,
        let span = batch.span(at: index, texts: texts, isCompleting || hasPeer && peer == nil ? .all : .nothing)
      else { continue }
      var used = Name.names(of: span, autocompleteKeys: settings.autocompleteKeys)
      if let peer { used.append(Name(kind: .remoteService, service: span.serviceName, value: peer)) }
      evicted += names.withLock { names in
        let evicted = names.use(used, period: period, limits: settings.limits)
        names.setKnown(batch.entries[index], period: period)
        return evicted
      }
    }
    return evicted
  }

  /// Whether the blocks take as much memory as they may.
  private var isBehind: Bool {
    let limit = settings.usedSegmentSpans * Self.waitingSegments
    return manifest.withLock { manifest in
      manifest.blockSpans > limit || manifest.blockBytes > Self.compactedBytes * Self.waitingSegments
    }
  }

  /// Whether commits have to wait for compaction.
  var mustWaitForCompaction: Bool { isBehind && manifest.withLock { $0.compactionFailure == nil } }

  private var compactionRefusal: CollectorError? {
    guard let trouble = compactionTrouble else { return nil }
    compactIfNeeded()
    return trouble
  }

  /// Why no span can be stored: compaction has failed, and there are too many blocks.
  var compactionTrouble: CollectorError? { isBehind ? manifest.withLock { $0.compactionFailure } : nil }
}
