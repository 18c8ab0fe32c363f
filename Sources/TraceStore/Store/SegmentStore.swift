import Dispatch
import Foundation
import GRDB
import GroupCommit
import PrometheusMetrics
import Synchronization
public import TraceModel

/// Keeps spans in a SQLite file and finds them again.
///
/// Writes that come while the disk is busy share one transaction (group commit) and make one row, a block. They are done on
/// the database's own queue, so that no thread of the caller waits for the disk. A write is answered after its transaction
/// is on the disk. When enough blocks are there, a queue of the store's own compacts them into a segment, in
/// small transactions between the writes; until then the blocks are also in memory, where queries look through them.
public final class SegmentStore: SpanStore {
  /// What can be chosen.
  public struct Settings: Sendable {
    /// What is let in.
    public var limits = CollectorLimits()
    /// What is kept. It is ``SegmentStore/run()`` that removes the rest.
    public var retention = Retention()
    /// The keys of tags whose values are offered for autocompletion.
    public var autocompleteKeys: [String] = []
    /// How long a locked database is waited for, in seconds.
    public var busyTimeout = 2.0
    /// The time of day.
    public var clock = WallClock.system
    /// The time that has passed.
    public var steadyClock = WallClock.steady
    /// Is told when writes begin to fail, with a sentence that says why and what to do, and with nil when they succeed
    /// again.
    public var report: @Sendable (String?) -> Void = { _ in }
    /// How many spans make a segment: what is in memory of the newest, and what retention removes at a time.
    var segmentSpans = 65_536

    /// The defaults.
    public init() {}

    /// Fewer if little is to be kept.
    var usedSegmentSpans: Int {
      let fewest = min(segmentSpans, 1_024)
      let bySpans = retention.maximumSpans.map { $0 / 50 } ?? .max
      let byBytes = retention.maximumBytes.map { $0 / 50 / 200 } ?? .max
      return max(fewest, min(segmentSpans, bySpans, byBytes))
    }
  }

  struct Request: Sendable {
    let batch: SpanBatch
    let continuation: CheckedContinuation<Result<Int, CollectorError>, Never>
  }

  /// What is counted.
  public let metrics: CollectorMetrics
  let settings: Settings
  let file: StoreFile
  /// The names that are listed; the writer adds to it, queries read it.
  let names = Mutex(NameTable())
  /// Makes records of spans, and knows the texts of records.
  let encoder: SpanEncoder
  /// What is on the disk.
  let manifest: Mutex<Manifest>
  let traceIndexes = TraceIndexCache()
  let blockCalls = Mutex<BlockCalls?>(nil)
  /// How old spans are; set once it is known what there is.
  let ages: Mutex<AgeClock>
  /// Who is told of what has been stored.
  private let observers = Mutex<[Observer]>([])
  private let queue: Mutex<CommitQueue<Request>>
  /// Compacts blocks and removes what is too old.
  private let maintenance = DispatchQueue(label: "trace store", qos: .utility)

  /// Spans in one transaction: it bounds how long the first of them waits.
  private static let batchLimit = CommitQueue<Request>.Weight(count: 20_000, bytes: .max)

  /// Opens a store, and makes its file and directories if they are not there.
  public init(path: String, settings: Settings = Settings(), metrics: CollectorMetrics = CollectorMetrics())
    throws(CollectorError)
  {
    file = try StoreFile(path: path, busyTimeout: settings.busyTimeout, report: settings.report)
    self.settings = settings
    self.metrics = metrics
    let limits = settings.limits
    queue = Mutex(
      CommitQueue(
        batchLimit: Self.batchLimit, waitingLimit: .init(count: limits.waitingSpans, bytes: limits.waitingBytes)))
    do {
      let content = try file.pool.read { database in try (TextTable(database), Manifest(database)) }
      encoder = SpanEncoder(texts: content.0, autocompleteKeys: settings.autocompleteKeys)
      manifest = Mutex(content.1)
      ages = Mutex(AgeClock(wall: settings.clock.milliseconds(), steady: 0, isDoubtful: false))
      try loadContent()
      ages.withLock { $0 = firstAges() }
    } catch {
      throw file.error(error, doing: "read")
    }
  }

  /// What is let in.
  public var limits: CollectorLimits { settings.limits }
  /// The time of day.
  public var clock: WallClock { settings.clock }
  /// The keys of tags whose values are offered for autocompletion.
  public var autocompleteKeys: [String] { settings.autocompleteKeys }

  /// How many spans there are, those sent twice counted twice.
  public var spanCount: Int { manifest.withLock { $0.spanCount } }

  /// Whether it has been closed, or is about to be.
  var isClosed: Bool { queue.withLock { $0.isClosed } }

  /// Why nothing can be stored at the moment, in a sentence that names the store and says what to do; nil if it can.
  public func obstacle() async -> String? {
    if isClosed { return closedError.message }
    if let trouble = await file.obstacle() { return trouble }
    return compactionTrouble?.message
  }

  /// How many spans wait for the disk.
  public var waitingSpanCount: Int { queue.withLock { $0.waiting.count } }

  /// In a class: a function that stands in a lock by itself is wrapped once more each time that the lock is used.
  private final class Observer: Sendable {
    let function: @Sendable (StoredSpans) -> Void

    init(_ function: @escaping @Sendable (StoredSpans) -> Void) { self.function = function }
  }

  /// Adds a function that is told of each transaction's spans after they are on the disk, on the database's queue: it has
  /// to return soon. Spans may come a second time, if their sender sent them twice.
  public func observe(_ function: @escaping @Sendable (StoredSpans) -> Void) {
    let new = Observer(function)
    observers.withLock { $0.append(new) }
  }

  func tellObservers(of block: SpanBlock) {
    let observers = observers.withLock { $0 }
    guard !observers.isEmpty else { return }
    let texts = encoder.texts.texts
    let stored = StoredSpans(count: block.count) {
      (0..<block.count).compactMap { block.span(at: $0, texts: texts) }
    }
    for observer in observers { observer.function(stored) }
  }

  /// Stores spans. Returns when they are on the disk; throws if none was stored.
  ///
  /// - Parameter bytes: how large they were as JSON, which bounds what waits for the disk.
  /// - Returns: how many names are not listed any more, as these spans have brought too many.
  @discardableResult
  public func add(_ spans: [Span], bytes: Int) async throws(CollectorError) -> Int {
    var batch = SpanBatch()
    let received = settings.clock.milliseconds()
    var scratch = SpanEncoder.Scratch()
    for span in spans { encoder.encode(span, received: received, to: &batch, with: &scratch) }
    return try await add(batch, bytes: bytes)
  }

  /// An empty batch, into which a parser writes the spans of one request without making values of them.
  public func makeBatch() -> Batch { Batch(encoder: encoder, received: settings.clock.milliseconds()) }

  /// Stores the spans of a batch, as ``add(_:bytes:)`` does.
  public func add(_ batch: Batch, bytes: Int) async throws(CollectorError) -> Int {
    try await add(batch.batch, bytes: bytes)
  }

  private func add(_ batch: SpanBatch, bytes: Int) async throws(CollectorError) -> Int {
    guard batch.count > 0 else { return 0 }
    let result = await withCheckedContinuation { continuation in
      let request = Request(batch: batch, continuation: continuation)
      switch queue.withLock({ $0.enqueue(request, .init(count: batch.count, bytes: bytes)) }) {
      case .waits: break
      case .starts: schedule()
      case .full: continuation.resume(returning: .failure(overloadError))
      case .closed: continuation.resume(returning: .failure(closedError))
      }
    }
    switch result {
    case .success(let namesForgotten):
      metrics.spansAccepted.increment(by: batch.count)
      return namesForgotten
    case .failure(let error):
      metrics.spansDropped.increment(by: batch.count)
      throw error
    }
  }

  /// Removes what retention does not keep, until cancelled. Without it the store works but grows.
  public func run() async throws {
    while !Task.isCancelled {
      await expire()
      do { try await Task.sleep(for: .seconds(5)) } catch { return }
    }
  }

  /// Waits for the writes that were begun, refuses others, and closes the file. A second call does nothing.
  public func close() throws(CollectorError) {
    let (isFirst, startsWork) = queue.withLock { ($0.isClosed ? (false, false) : (true, $0.close())) }
    // A closed connection must not be touched again.
    guard isFirst else { return }
    if startsWork { schedule() }
    while queue.withLock({ $0.isWorking }) {
      // The work is on the database's queue; one turn of it is waited for.
      file.pool.writeWithoutTransaction { _ in }
    }
    maintenance.sync {}
    try file.close()
  }

  /// Does work on the store's own queue, one after the other.
  func maintain(_ work: @escaping @Sendable () -> Void) { maintenance.async(execute: work) }

  /// As ``maintain(_:)``, and waits for it; does nothing if the store is closed.
  func maintained(_ work: @escaping @Sendable () -> Void) async {
    await withCheckedContinuation { continuation in
      maintenance.async {
        if !self.isClosed { work() }
        continuation.resume()
      }
    }
  }

  /// Goes on with the commits that wait for compaction.
  func resumeCommits() {
    if queue.withLock({ $0.resume() }) { schedule() }
  }

  private func schedule() {
    file.pool.asyncWriteWithoutTransaction { self.work(on: $0) }
  }

  /// Stores what waits, in one transaction. Each has a turn of the database's queue, so that others get turns between.
  private func work(on database: Database) {
    if mustWaitForCompaction, !isClosed {
      queue.withLock { $0.suspend() }
      compactIfNeeded()
      // Compaction may have finished just before the commits were suspended.
      if !mustWaitForCompaction || isClosed { resumeCommits() }
      return
    }
    let batch = queue.withLock { $0.takeBatch() }
    let results = store(batch, on: database)
    if queue.withLock({ $0.finishBatch() }) { schedule() }
    for (request, result) in zip(batch, results) { request.continuation.resume(returning: result) }
  }

  private var closedError: CollectorError {
    CollectorError(code: .unavailable, message: "the trace store has been closed; send again when it is open")
  }

  private var overloadError: CollectorError {
    CollectorError(
      code: .unavailable,
      message: "more spans wait for the disk than are let in (\(settings.limits.waitingSpans) spans or "
        + "\(settings.limits.waitingBytes) bytes); send again later")
  }
}

extension SegmentStore {
  /// Makes records of spans while they are parsed.
  public struct Batch: SpanSink, Sendable {
    fileprivate let encoder: SpanEncoder
    fileprivate let received: Int64
    fileprivate var batch = SpanBatch()

    /// How many spans it holds.
    public var count: Int { batch.count }

    /// Makes a record of a span.
    public mutating func take(_ span: SpanDraft, _ bytes: UnsafeRawBufferPointer, index: Int) {
      encoder.encode(span, in: bytes, received: received, to: &batch)
    }
  }
}
