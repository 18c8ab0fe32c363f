/// How long the spans of a row are, in microseconds, as far as it is known without reading them: of one or two, exactly.
struct RowLengths: Sendable {
  private(set) var longest: Int64 = 0
  private(set) var shortest = Int64.max
  /// How many there are, up to 3; 0 when that is not known.
  private var count: UInt8 = 0

  init() {}

  /// What is known of a row of which only the longest span is.
  init(longest: Int64) {
    self.longest = longest
    shortest = .min
  }

  /// Reads what ``write(to:)`` wrote.
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

  /// The longest, then how much shorter the shortest is and, in the last bit, whether there are others.
  func write(to writer: inout ByteWriter) {
    writer.signed(longest)
    writer.number(UInt64(bitPattern: longest &- shortest) << 1 | (count > 2 ? 1 : 0))
  }

  /// Whether one of the spans may be of a length.
  func mayBe(in range: ClosedRange<Int64>) -> Bool {
    if range.contains(longest) || range.contains(shortest) { return true }
    let isExact = count == 1 || count == 2
    return !isExact && longest >= range.lowerBound && shortest <= range.upperBound
  }
}

/// The traces of a segment and their rows. A row is what one service reported of one trace; rows of a trace follow each
/// other.
///
/// Layout: the version 2; the traces in order, 8 bytes each; the services, their ``TextHash`` in 8 bytes each; then for
/// each trace its first time after the segment's, the length to its last, how many rows it has, and of each the service and the
/// ``RowLengths``. In version 1 those are the longest span's alone.
final class TraceIndex: Sendable {
  let traces: [UInt64]
  let firstTimes: [Int64]
  let lastTimes: [Int64]
  let services: [UInt64]
  /// The trace of each row, by its place in ``traces``.
  let traceOfRow: [UInt32]
  /// The service of each row, by its place in ``services``.
  let serviceOfRow: [UInt32]
  /// How long the spans of each row are.
  let lengthsOfRow: [RowLengths]

  static let version: UInt8 = 2
  /// The service and one number of its lengths, in version 1.
  private static let fewestRowBytes = 2

  /// The first time under which spans of a trace are found; nil if the trace is not there.
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
    // Memory is taken as it is filled: too much costs nothing, growing costs half of the time.
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
