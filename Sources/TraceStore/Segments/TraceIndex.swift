/// The range of the durations of a row's spans, in microseconds. For one or two spans the durations are exact.
struct RowLengths: Sendable {
  private(set) var longest: Int64 = 0
  private(set) var shortest = Int64.max
  /// The number of spans up to 3; 0 if it is not known.
  private var count: UInt8 = 0

  init() {}

  /// The range for a row of version 1, which has only the longest duration.
  init(longest: Int64) {
    self.longest = longest
    shortest = .min
  }

  /// Decodes what ``write(to:)`` encoded.
  init(_ reader: inout ByteReader) {
    longest = reader.signed()
    let rest = reader.number()
    shortest = longest &- Int64(truncatingIfNeeded: rest >> 1)
    count = rest & 1 == 0 ? 2 : 3
  }

  mutating func add(_ duration: Int64) {
    longest = max(longest, duration)
    shortest = min(shortest, duration)
    count = min(3, count + 1)
  }

  /// Encodes the longest duration, then the difference to the shortest; the last bit says whether there are more than two spans.
  func write(to writer: inout ByteWriter) {
    writer.signed(longest)
    writer.number(UInt64(bitPattern: longest &- shortest) << 1 | (count > 2 ? 1 : 0))
  }

  /// Whether the duration of one of the spans may be in a range.
  func mayBe(in range: ClosedRange<Int64>) -> Bool {
    if range.contains(longest) || range.contains(shortest) { return true }
    let isExact = count == 1 || count == 2
    return !isExact && longest >= range.lowerBound && shortest <= range.upperBound
  }
}

/// The traces of a segment and their rows. A row stands for the spans of one service in one trace. The rows of a trace follow each
/// other.
///
/// Layout: the version 2; the sorted ids of the traces, 8 bytes each; the ``TextHash``es of the services, 8 bytes each; then for each
/// trace its first time relative to the segment's, the time from its first to its last, the number of rows, and for each row the
/// service and the ``RowLengths``. Version 1 has the longest duration instead of the ``RowLengths``.
final class TraceIndex: Sendable {
  let traces: [UInt64]
  let firstTimes: [Int64]
  let lastTimes: [Int64]
  let services: [UInt64]
  /// The index in ``traces`` of each row's trace.
  let traceOfRow: [UInt32]
  /// The index in ``services`` of each row's service.
  let serviceOfRow: [UInt32]
  /// The durations of each row's spans.
  let lengthsOfRow: [RowLengths]

  static let version: UInt8 = 2
  /// A row of version 1 has a service and one number.
  private static let fewestRowBytes = 2

  /// The first time of a trace; nil if the segment does not have the trace.
  func firstTime(of trace: UInt64) -> Int64? {
    let next = firstIndex(in: traces, above: trace)
    return next > 0 && traces[next - 1] == trace ? firstTimes[next - 1] : nil
  }

  /// Decodes a blob; nil if it is damaged.
  init?(_ bytes: UnsafeRawBufferPointer, firstTime: Int64) throws(UnknownVersion) {
    var reader = ByteReader(bytes)
    let version = try reader.version(.traceIndex, known: 1...Self.version)
    traces = reader.fixed64s()
    services = reader.fixed64s()
    var firstTimes: [Int64] = []
    var lastTimes: [Int64] = []
    var traceOfRow: [UInt32] = []
    var serviceOfRow: [UInt32] = []
    var lengthsOfRow: [RowLengths] = []
    firstTimes.reserveCapacity(traces.count)
    lastTimes.reserveCapacity(traces.count)
    // Reserved memory costs nothing until it is filled, but growing arrays would double the time.
    let mostRows = bytes.count / Self.fewestRowBytes
    traceOfRow.reserveCapacity(mostRows)
    serviceOfRow.reserveCapacity(mostRows)
    lengthsOfRow.reserveCapacity(mostRows)
    for trace in traces.indices {
      let first = firstTime &+ Int64(truncatingIfNeeded: reader.number())
      firstTimes.append(first)
      lastTimes.append(first &+ Int64(truncatingIfNeeded: reader.number()))
      for _ in 0..<reader.count() {
        traceOfRow.append(UInt32(truncatingIfNeeded: trace))
        serviceOfRow.append(UInt32(truncatingIfNeeded: reader.number()))
        lengthsOfRow.append(version == 1 ? RowLengths(longest: reader.signed()) : RowLengths(&reader))
      }
    }
    guard !reader.isDamaged else { return nil }
    self.firstTimes = firstTimes
    self.lastTimes = lastTimes
    self.traceOfRow = traceOfRow
    self.serviceOfRow = serviceOfRow
    self.lengthsOfRow = lengthsOfRow
  }
}
