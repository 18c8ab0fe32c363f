import MeshClient
import MeshModel
import TraceFormats
import TraceModel

/// Reads all traces of a period from a source and sends them to a collector.
struct TraceImport {
  /// How many periods in sequence may fail before the import ends: the source is broken then, and not only slow.
  private static let failureLimit = 12
  /// How many answers in sequence may have the same traces and too many of them: a day is halved 27 times until it is one millisecond,
  /// which alone may have that many, and the periods beside it share their ends with it.
  private static let sameLimit = 40
  /// How many ids of traces are remembered. A trace that is sent twice is stored twice and shown once.
  private static let idLimit = 500_000

  let source: TraceSource
  var target: TraceTarget
  private(set) var state: ImportState
  /// Called when a period is done.
  let onProgress: (ImportState) throws -> Void
  /// The traces of this period and of the one before: one that lasts is found in several.
  private var known: (before: Set<TraceID>, now: Set<TraceID>) = ([], [])
  private var failures = 0
  /// The hash of the last answer that had too many traces, and how many in sequence had the same.
  private var same = (hash: 0, count: 0)

  init(
    _ source: TraceSource, to target: TraceTarget, state: ImportState,
    onProgress: @escaping (ImportState) throws -> Void
  ) {
    self.source = source
    self.target = target
    self.state = state
    self.onProgress = onProgress
  }

  /// Imports until all is done.
  ///
  /// - Throws: an error after which the state says where to go on.
  mutating func run() async throws {
    while let period = state.periods.next {
      var gaps: [ImportState.Gap] = []
      var (wasSplit, largest) = (false, 0)
      for service in source.services {
        var open = [period]
        while let part = open.popLast() {
          let (count, isSplit) = try await read(part, service, &open, &gaps)
          wasSplit = wasSplit || isSplit
          largest = max(largest, count)
        }
      }
      try await target.flush()
      state.counts = target.counts
      for gap in gaps { state.add(gap) }
      state.periods.finish(period, wasSplit: wasSplit, hasFew: largest < TraceSource.limit / 4)
      known = (known.now, [])
      try onProgress(state)
    }
  }

  /// Reads a part of a period; what it has too much of is left open in halves.
  private mutating func read(
    _ part: ImportPeriods.Period, _ service: String?, _ open: inout [ImportPeriods.Period],
    _ gaps: inout [ImportState.Gap]
  ) async throws -> (count: Int, isSplit: Bool) {
    switch try await source.traces(part, service: service) {
    case .all(let listing, let bytes):
      (failures, same.count) = (0, 0)
      try await send(listing, in: bytes)
      return (listing.traces.count, false)
    case .part(let listing, let bytes, let reason):
      failures = listing == nil ? failures + 1 : 0
      guard failures <= Self.failureLimit else {
        throw CommandFailure("\(source.client.address) does not answer with traces: \(reason)")
      }
      try checkProgress(of: listing, bytes)
      if let (first, second) = part.halves {
        open += [second, first]
        return (TraceSource.limit, true)
      }
      if let listing { try await send(listing, in: bytes) }
      gaps.append(ImportState.Gap(period: part, service: service ?? "", reason: reason))
      return (TraceSource.limit, true)
    }
  }

  /// Refuses a source that gives the same answer for every period: it would be asked for each millisecond.
  private mutating func checkProgress(of listing: TraceListing?, _ bytes: [UInt8]) throws {
    guard let listing, listing.traces.count >= TraceSource.limit else { return same.count = 0 }
    let hash = bytes.hashValue
    same = (hash, hash == same.hash ? same.count + 1 : 0)
    guard same.count <= Self.sameLimit else {
      throw CommandFailure(
        "\(source.client.address) answers with the same traces whatever period it is asked for; is there something before it "
          + "that leaves out the query?")
    }
  }

  private mutating func send(_ listing: TraceListing, in bytes: [UInt8]) async throws {
    for trace in listing.traces {
      if let id = trace.id {
        // Noted in each period, so that one that lasts for several is sent once.
        guard known.now.insert(id).inserted, !known.before.contains(id) else { continue }
        if known.now.count > Self.idLimit { known = (known.now, []) }
      }
      try await target.add(bytes[trace.bytes], spans: trace.spans)
    }
  }
}
