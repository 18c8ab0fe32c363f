import Dispatch
import Foundation
import GRDB
import GroupCommit
import PrometheusMetrics
import SQLiteFiles
import Synchronization
public import TraceModel

/// A span store in a SQLite file.
///
/// Requests that arrive while the disk is busy share one transaction (group commit), which writes one row: a block. Commits run on
/// the database's queue, so no caller's thread waits for the disk. A request is answered when its transaction is durable. When there
/// are enough blocks, the maintenance queue compacts them into a segment, in small transactions between commits. Until then the
/// blocks are also in memory, where queries scan them.
public final class SegmentStore: SpanStore {
  /// The settings of a store.
  public struct Settings: Sendable {
    /// The bounds on what senders may send.
    public var limits = CollectorLimits()
    /// What is kept. ``SegmentStore/run()`` deletes the rest.
    public var retention = Retention()
    /// The keys of tags whose values are offered for autocompletion.
    public var autocompleteKeys: [String] = []
    /// What is hidden in spans before they are stored.
    public var privacy = SpanPrivacy.Settings()
    /// How long the store waits for a locked database, in seconds.
    public var busyTimeout = 2.0
    /// How long after a failed write ``SegmentStore/obstacle()`` waits before it tries another one.
    public var patience = DatabaseFile.patience
    /// The time of day.
    public var clock = WallClock.system
    /// A clock that never jumps.
    public var steadyClock = WallClock.steady
    /// Called when writes begin to fail, with a sentence that says why and what to do. Called with nil when they succeed again.
    public var report: @Sendable (String?) -> Void = { _ in }
    /// The number of spans in a segment. It bounds the new spans in memory, and retention deletes whole segments.
    var segmentSpans = 65_536

    /// The defaults.
    public init() {}

    /// ``segmentSpans``, or fewer if retention keeps few spans.
    var usedSegmentSpans: Int {
      let fewest = min(segmentSpans, 1_024)
      let bySpans = retention.maximumSpans.map { $0 / 50 } ?? .max
      let byBytes = retention.maximumBytes.map { $0 / 50 / 200 } ?? .max
      return max(fewest, min(segmentSpans, bySpans, byBytes))
    }
  }

  struct Request: Sendable {
    let batch: SpanBatch
    /// Whether it is a trace of the canary; see ``SpanWriting/add(canary:bytes:)``.
    let isCanary: Bool
    let continuation: CheckedContinuation<Result<Int, CollectorError>, Never>
  }

  /// The store's counters.
  public let metrics: CollectorMetrics
  /// Hides what spans carry by accident, and counts it.
  public let privacy: SpanPrivacy
  let settings: Settings
  let file: StoreFile
  /// The listed names. Commits add names, queries read them.
  let names = Mutex(NameTable())
  let encoder: SpanEncoder
  let manifest: Mutex<Manifest>
  let traceIndexes = TraceIndexCache()
  let blockCalls = Mutex<BlockCalls?>(nil)
  /// The clock for the ages of spans; ``initialClock()`` replaces it once the file is loaded.
  let ages: Mutex<AgeClock>
  private let observers = Mutex<[Observer]>([])
  private let queue: Mutex<CommitQueue<Request>>
  /// Runs compaction and retention.
  private let maintenance = DispatchQueue(label: "trace store", qos: .utility)

  /// How many requests a commit waits for, and the signal that they are there.
  private let pace = Mutex(CommitPace())
  private let areEnough = DispatchSemaphore(value: 0)

  /// The most spans in one transaction. This bounds how long its first request waits.
  private static let batchLimit = CommitQueue<Request>.Weight(count: 20_000, bytes: .max)

  /// A commit of this many spans waits for no more.
  private static let largeCommit = 2_000

  /// Opens a store. Creates its file and directories if they do not exist.
  public init(path: String, settings: Settings = Settings(), metrics: CollectorMetrics = CollectorMetrics())
    throws(CollectorError)
  {
    file = try StoreFile(
      path: path, busyTimeout: settings.busyTimeout, patience: settings.patience, report: settings.report)
    self.settings = settings
    self.metrics = metrics
    privacy = SpanPrivacy(settings.privacy)
    let limits = settings.limits
    queue = Mutex(
      CommitQueue(
        batchLimit: Self.batchLimit, waitingLimit: .init(count: limits.waitingSpans, bytes: limits.waitingBytes)))
    do {
      let content = try file.pool.read { database in try (TextTable(database), Manifest(database)) }
      encoder = SpanEncoder(texts: content.0, autocompleteKeys: settings.autocompleteKeys, privacy: privacy)
      manifest = Mutex(content.1)
      ages = Mutex(AgeClock(wall: settings.clock.milliseconds(), steady: 0, isSuspect: false))
      try loadContent()
      ages.withLock { $0 = initialClock() }
    } catch {
      throw file.error(error, doing: "read")
    }
  }

  /// The bounds on what senders may send.
  public var limits: CollectorLimits { settings.limits }
  /// The time of day.
  public var clock: WallClock { settings.clock }
  /// The keys of tags whose values are offered for autocompletion.
  public var autocompleteKeys: [String] { settings.autocompleteKeys }

  /// How many spans are stored. A span that was sent twice counts twice.
  public var spanCount: Int { manifest.withLock { $0.spanCount } }

  /// The time of the oldest span in the store, or when it was received if that is earlier, in milliseconds since 1970; nil if the
  /// store is empty.
  package var oldestTime: Int64? { manifest.withLock { $0.oldestTime } }

  /// Whether ``close()`` has been called.
  var isClosed: Bool { queue.withLock { $0.isClosed } }

  /// Why no span can be stored now, in a sentence that names the store and says what to do; nil if spans can be stored.
  public func obstacle() async -> String? {
    if isClosed { return closedError.message }
    if let trouble = await file.obstacle() { return trouble }
    guard let trouble = compactionTrouble else { return nil }
    // Without spans, which are refused, nothing else would try again.
    compactIfNeeded()
    return trouble.message
  }

  /// Waits until the thread that writes to the disk has come to this question. It writes nothing.
  public func writerTurn() async {
    if !isClosed { await file.writerTurn() }
  }

  /// How many spans wait for the disk.
  public var waitingSpanCount: Int { queue.withLock { $0.waiting.count } }

  /// A class, because a closure that is stored directly in a `Mutex` is wrapped again at each use of the lock.
  private final class Observer: Sendable {
    let function: @Sendable (StoredSpans) -> Void

    init(_ function: @escaping @Sendable (StoredSpans) -> Void) { self.function = function }
  }

  /// Adds an observer. It is called with the spans of each transaction after they are durable, on the database's queue, so it must
  /// return quickly. A span that was sent twice is reported twice.
  public func observe(_ function: @escaping @Sendable (StoredSpans) -> Void) {
    let new = Observer(function)
    observers.withLock { $0.append(new) }
  }

  func notifyObservers(of block: SpanBlock) {
    let observers = observers.withLock { $0 }
    guard !observers.isEmpty else { return }
    let texts = encoder.texts.texts
    let index: @Sendable () -> StoredSpans.Index = { [self] in
      StoredSpans.Index(entries: block.batch.entries) { [self] hash in names.withLock { $0.text(hash) } }
    }
    let stored = StoredSpans(count: block.count, index: index) { [encoder] keys in
      let part = keys.map { SpanRecord.Part.tags(TagSelection($0, encoder.texts)) } ?? .all
      return (0..<block.count).compactMap { block.span(at: $0, texts: texts, part) }
    }
    for observer in observers { observer.function(stored) }
  }

  /// Stores spans. Returns when they are durable; throws if none was stored.
  ///
  /// - Parameter bytes: the size of the spans as JSON, which bounds the pending queue.
  /// - Returns: how many names were evicted because these spans have new names.
  @discardableResult
  public func add(_ spans: [Span], bytes: Int) async throws(CollectorError) -> Int {
    var batch = SpanBatch()
    let received = settings.clock.milliseconds()
    var scratch = SpanEncoder.Scratch()
    for span in spans { encoder.encode(span, received: received, to: &batch, with: &scratch) }
    return try await add(batch, bytes: bytes)
  }

  /// An empty batch. A parser writes the spans of one request into it without making a `Span` of each.
  public func makeBatch() -> Batch { Batch(encoder: encoder, received: settings.clock.milliseconds()) }

  /// Stores the spans of a batch, as ``add(_:bytes:)`` does.
  public func add(_ batch: Batch, bytes: Int) async throws(CollectorError) -> Int {
    try await add(batch.batch, bytes: bytes)
  }

  /// Stores the trace of the canary, apart from all others.
  public func add(canary batch: Batch, bytes: Int) async throws(CollectorError) {
    _ = try await commit(batch.batch, bytes: bytes, isCanary: true).get()
  }

  private func add(_ batch: SpanBatch, bytes: Int) async throws(CollectorError) -> Int {
    switch await commit(batch, bytes: bytes) {
    case .success(let namesEvicted):
      metrics.spansAccepted.increment(by: batch.count)
      let evicted = privacy.report.count(batch.hidden, now: settings.clock.milliseconds())
      metrics.countHidden(batch.hidden, evicted: evicted)
      return namesEvicted
    case .failure(let error):
      metrics.spansDropped.increment(by: batch.count)
      throw error
    }
  }

  /// Stores spans in the next transaction with room for them. Returns how many names were evicted.
  private func commit(_ batch: SpanBatch, bytes: Int, isCanary: Bool = false) async -> Result<Int, CollectorError> {
    guard batch.count > 0 else { return .success(0) }
    return await withCheckedContinuation { continuation in
      let request = Request(batch: batch, isCanary: isCanary, continuation: continuation)
      let (admission, count) = queue.withLock { queue in
        (queue.enqueue(request, .init(count: batch.count, bytes: bytes)), queue.count)
      }
      switch admission {
      case .waits: if pace.withLock({ $0.isEnough(count) }) { areEnough.signal() }
      case .starts: schedule()
      case .full: continuation.resume(returning: .failure(overloadError))
      case .closed: continuation.resume(returning: .failure(closedError))
      }
    }
  }

  /// Deletes what retention does not keep, until cancelled. Without it the store works, but grows.
  public func run() async throws {
    while !Task.isCancelled {
      await expire()
      do { try await Task.sleep(for: .seconds(5)) } catch { return }
    }
  }

  /// Waits for pending requests, refuses new ones, and closes the file. A second call does nothing.
  public func close() throws(CollectorError) {
    let (isFirst, startsWork) = queue.withLock { ($0.isClosed ? (false, false) : (true, $0.close())) }
    // A closed connection must not be touched again.
    guard isFirst else { return }
    if startsWork { schedule() }
    while queue.withLock({ $0.isWorking }) {
      // Commits run on the database's queue; this waits for one of them.
      file.pool.writeWithoutTransaction { _ in }
    }
    maintenance.sync {}
    try file.close()
  }

  /// Runs work on the maintenance queue, which runs one job at a time.
  func maintain(_ work: @escaping @Sendable () -> Void) { maintenance.async(execute: work) }

  /// Runs work as ``maintain(_:)`` does and waits for it. Does nothing if the store is closed.
  func maintained(_ work: @escaping @Sendable () -> Void) async {
    await withCheckedContinuation { continuation in
      maintenance.async {
        if !self.isClosed { work() }
        continuation.resume()
      }
    }
  }

  /// Resumes the commits that wait for compaction.
  func resumeCommits() {
    if queue.withLock({ $0.resume() }) { schedule() }
  }

  private func schedule() {
    file.pool.asyncWriteWithoutTransaction { self.work(on: $0) }
  }

  /// Commits the next batch of pending requests. Each batch is a job of the database's queue, so that other jobs run between.
  private func work(on database: Database) {
    if mustWaitForCompaction, !isClosed {
      queue.withLock { $0.suspend() }
      compactIfNeeded()
      // Compaction may have finished just before the commits were suspended.
      if !mustWaitForCompaction || isClosed { resumeCommits() }
      return
    }
    waitForMore()
    let batch = queue.withLock { $0.takeBatch() }
    let results = store(batch, on: database)
    if !batch.isEmpty { pace.withLock { $0.committed(batch.count, at: .now) } }
    if queue.withLock({ $0.finishBatch() }) { schedule() }
    for (request, result) in zip(batch, results) { request.continuation.resume(returning: result) }
  }

  /// Waits for a moment for more requests, if there probably will be some. Other writes to the database wait as long.
  private func waitForMore() {
    let (count, spans, isClosed) = queue.withLock { ($0.count, $0.waiting.count, $0.isClosed) }
    guard count > 0, spans < Self.largeCommit, !isClosed, let pause = pace.withLock({ $0.wait(with: count, at: .now) })
    else { return }
    // Others may have come before this one began to wait.
    let present = queue.withLock { $0.count }
    if pace.withLock({ $0.isEnough(present) }) { return }
    _ = areEnough.wait(timeout: .now() + pause / .seconds(1))
    pace.withLock { $0.endWait() }
  }

  private var closedError: CollectorError {
    CollectorError(code: .unavailable, message: "the trace store has been closed; send again when it is open")
  }

  private var overloadError: CollectorError {
    CollectorError(
      code: .unavailable,
      message: "too many spans wait for the disk (at most \(settings.limits.waitingSpans) spans or "
        + "\(settings.limits.waitingBytes) bytes); send again later")
  }
}

extension SegmentStore {
  /// A batch that encodes each span as a record while the request is parsed.
  public struct Batch: SpanSink, Sendable {
    fileprivate let encoder: SpanEncoder
    fileprivate let received: Int64
    fileprivate var batch = SpanBatch()

    /// How many spans the batch holds.
    public var count: Int { batch.count }

    /// Adds the record of a span.
    public mutating func take(_ span: SpanDraft, _ bytes: UnsafeRawBufferPointer, index: Int) {
      encoder.encode(span, in: bytes, received: received, to: &batch)
    }

    /// Adds the records of spans.
    public mutating func take(_ count: Int, _ bytes: UnsafeRawBufferPointer, _ read: (inout SpanDraft) -> Int) {
      encoder.encode(count, in: bytes, received: received, to: &batch) { _ = read(&$0) }
    }
  }
}
