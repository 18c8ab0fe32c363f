import GRDB
import Synchronization

/// How much the store keeps. What came first goes first.
public struct Retention: Sendable, Hashable {
  /// Spans at most; nil for any number.
  public var maximumSpans: Int?
  /// How long a span stays after it came; nil for ever.
  public var maximumAge: Duration?
  /// Bytes of the database at most; nil for any number. Removed spans make room for new ones, the file does not shrink.
  public var maximumBytes: Int?

  /// Makes a rule; the defaults suit a machine on which other things run.
  public init(
    maximumSpans: Int? = 10_000_000, maximumAge: Duration? = .seconds(7 * 86_400),
    maximumBytes: Int? = 4 * 1_024 * 1_024 * 1_024
  ) {
    self.maximumSpans = maximumSpans
    self.maximumAge = maximumAge
    self.maximumBytes = maximumBytes
  }
}

/// Keeps spans in a SQLite file and finds them again.
///
/// Writes that come while the disk is busy share one transaction (group commit). They are done on the database's own
/// queue, so that no thread of the caller waits for the disk. A write is answered after its transaction is on the disk.
public final class SpanStore: Sendable {
  /// What can be chosen.
  public struct Settings: Sendable {
    /// What is let in.
    public var limits = CollectorLimits()
    /// What is kept. It is ``SpanStore/run()`` that removes the rest.
    public var retention = Retention()
    /// The keys of tags whose values are offered for autocompletion.
    public var autocompleteKeys: [String] = []
    /// How long a locked database is waited for, in seconds.
    public var busyTimeout = 2.0
    /// The time of day.
    public var clock = WallClock.system

    /// The defaults.
    public init() {}
  }

  struct Request: Sendable {
    let spans: [Span]
    let bytes: Int
    let continuation: CheckedContinuation<Result<[SpanRejection], CollectorError>, Never>
  }

  private struct Queue {
    var waiting: [Request] = []
    var waitingSpans = 0
    var waitingBytes = 0
    var isWorking = false
    var isClosed = false
  }

  /// What is counted.
  public let metrics: CollectorMetrics
  /// What is analysed of the spans that have been stored.
  public let propagation: PropagationMonitor
  let settings: Settings
  let file: StoreFile
  /// What traces are found by; the writer adds to it, queries read it.
  let terms: Mutex<TermTable>
  /// The texts by number, as far as any record on the disk needs them.
  let texts: Mutex<[String]>
  let writer: Mutex<WriterState>
  private let queue = Mutex(Queue())
  /// Told after each commit.
  let changes = ChangeSignal(limit: CollectorAPI.waitersAtMost)

  /// Spans in one transaction, about: it bounds how long the first of them waits.
  private static let spansPerCommit = 20_000

  /// Opens a store, and makes its file and directories if they are not there.
  public init(path: String, settings: Settings = Settings(), metrics: CollectorMetrics = CollectorMetrics())
    throws(CollectorError)
  {
    file = try StoreFile(path: path, busyTimeout: settings.busyTimeout)
    self.settings = settings
    self.metrics = metrics
    propagation = PropagationMonitor(clock: settings.clock)
    let content: (terms: TermTable, writer: WriterState)
    do {
      content = try file.pool.read { database in try (TermTable.load(database), WriterState(database)) }
    } catch {
      throw file.error(error, doing: "read")
    }
    terms = Mutex(content.terms)
    texts = Mutex(content.writer.texts.texts)
    writer = Mutex(content.writer)
  }

  /// How many spans there are, those sent twice counted twice.
  public var spanCount: Int { writer.withLock { $0.count } }

  /// Whether it has been closed, or is about to be.
  var isClosed: Bool { queue.withLock { $0.isClosed } }

  /// How many spans wait for the disk.
  public var waitingSpanCount: Int { queue.withLock { $0.waitingSpans } }

  /// Stores spans. Returns when they are on the disk, with those that were not stored because of what is in them; throws
  /// if none was stored.
  ///
  /// - Parameter bytes: how large they were as JSON, which bounds what waits for the disk.
  public func add(_ spans: [Span], bytes: Int = 0) async throws(CollectorError) -> [SpanRejection] {
    guard !spans.isEmpty else { return [] }
    let result = await withCheckedContinuation { continuation in
      let request = Request(spans: spans, bytes: bytes, continuation: continuation)
      let outcome = queue.withLock { queue -> (refusal: CollectorError?, startsWork: Bool) in
        if queue.isClosed { return (closedError, false) }
        let limits = settings.limits
        if !queue.waiting.isEmpty,
          queue.waitingSpans &+ spans.count > limits.waitingSpans || queue.waitingBytes &+ bytes > limits.waitingBytes
        {
          return (overloadError, false)
        }
        queue.waiting.append(request)
        queue.waitingSpans += spans.count
        queue.waitingBytes += bytes
        defer { queue.isWorking = true }
        return (nil, !queue.isWorking)
      }
      if let refusal = outcome.refusal { continuation.resume(returning: .failure(refusal)) }
      if outcome.startsWork { schedule() }
    }
    switch result {
    case .success(let rejections):
      changes.send()
      metrics.spansAccepted.count(spans.count - rejections.count)
      propagation.observe(spans)
      return rejections
    case .failure(let error):
      metrics.spansDropped.count(spans.count)
      throw error
    }
  }

  /// Removes what retention does not keep, until cancelled. Without it the store works but grows.
  public func run() async throws {
    // The last run may have ended between removing spans and forgetting their names.
    await forget(terms.withLock { Array($0.numbers.keys) })
    await recallPropagation()
    while !Task.isCancelled {
      await expire()
      do { try await Task.sleep(for: .seconds(5)) } catch { return }
    }
  }

  /// Waits for the writes that were begun, refuses others, and closes the file. A second call does nothing.
  public func close() throws(CollectorError) {
    let isFirst = queue.withLock { queue in
      defer { queue.isClosed = true }
      return !queue.isClosed
    }
    // A closed connection must not be touched again.
    guard isFirst else { return }
    while queue.withLock({ $0.isWorking }) {
      // The work is on the database's queue; one turn of it is waited for.
      file.pool.writeWithoutTransaction { _ in }
    }
    try file.close()
  }

  private func schedule() {
    file.pool.asyncWriteWithoutTransaction { self.work(on: $0) }
  }

  /// Stores what waits, in one transaction. A turn of its own for each, so that retention gets turns between.
  private func work(on database: Database) {
    let batch = queue.withLock { queue -> [Request] in
      var count = 0
      var spans = 0
      while count < queue.waiting.count, count == 0 || spans + queue.waiting[count].spans.count <= Self.spansPerCommit {
        spans += queue.waiting[count].spans.count
        count += 1
      }
      let batch = Array(queue.waiting.prefix(count))
      queue.waiting.removeFirst(count)
      queue.waitingSpans -= spans
      queue.waitingBytes -= batch.reduce(0) { $0 + $1.bytes }
      return batch
    }
    let results = store(batch, on: database)
    let hasMore = queue.withLock { queue in
      queue.isWorking = !queue.waiting.isEmpty
      return queue.isWorking
    }
    if hasMore { schedule() }
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
