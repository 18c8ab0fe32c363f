import Foundation

/// Reports that real Envoys sent in Zipkin's protobuf, recorded by `record-reports.py`: four services, whose traces have two to five
/// spans. A copy has other ids and later times, so that the collector gets traces of its own.
struct RecordedReports {
  /// A report, and where its ids and times are.
  private struct Report {
    var bytes: [UInt8]
    var spanCount = 0
    /// The low halves of trace ids, the most significant byte first.
    var traceIDs: [Int] = []
    /// Ids of spans and parents, which Envoy reverses: the least significant byte first.
    var spanIDs: [Int] = []
    /// Microseconds since 1970.
    var times: [Int] = []
    /// The first eight digits of request ids.
    var requestIDs: [Int] = []
  }

  private var reports: [Report] = []
  /// The earliest time in the reports, in microseconds since 1970.
  private let start: UInt64

  /// How many reports a copy has, and how many spans these have.
  var count: Int { reports.count }
  var spanCount: Int { reports.reduce(0) { $0 + $1.spanCount } }

  /// Reads the files of a folder in the order of their names.
  init(in folder: URL) throws {
    let files = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.hasSuffix(".pb") }
    for file in files.sorted() {
      var report = Report(bytes: Array(try Data(contentsOf: folder.appending(path: file))))
      try Self.locate(in: &report)
      reports.append(report)
    }
    start = reports.flatMap { report in report.times.map { Self.number(report.bytes, at: $0) } }.min() ?? 0
    try BenchmarkFailure.unless(spanCount > 0, "there are no reports in \(folder.path)")
  }

  /// The bodies of a copy, and the id of one of its traces.
  ///
  /// - Parameter time: when its first span begins, in microseconds since 1970.
  func copy(_ number: Int, at time: UInt64) -> (bodies: [[UInt8]], trace: UInt64) {
    let mask = SpanLoad.id(ofTrace: number)
    let bodies = reports.map { report in
      var bytes = report.bytes
      for offset in report.traceIDs { Self.change(&bytes, at: offset) { $0 ^ mask.byteSwapped } }
      for offset in report.spanIDs { Self.change(&bytes, at: offset) { $0 ^ mask } }
      for offset in report.times { Self.change(&bytes, at: offset) { $0 &- start &+ time } }
      for offset in report.requestIDs { Self.changeDigits(&bytes, at: offset, by: UInt32(truncatingIfNeeded: mask)) }
      return bytes
    }
    return (bodies, Self.number(bodies[0], at: reports[0].traceIDs[0]).byteSwapped)
  }

  /// How many spans the trace has whose id ``copy(_:at:)`` returns.
  var spansOfTrace: Int {
    let first = Self.number(reports[0].bytes, at: reports[0].traceIDs[0])
    return reports.reduce(0) { count, report in
      count + report.traceIDs.count { Self.number(report.bytes, at: $0) == first }
    }
  }

  // MARK: Bytes

  private static func number(_ bytes: [UInt8], at offset: Int) -> UInt64 {
    bytes.withUnsafeBytes { UInt64(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: UInt64.self)) }
  }

  private static func change(_ bytes: inout [UInt8], at offset: Int, _ change: (UInt64) -> UInt64) {
    let value = change(number(bytes, at: offset)).littleEndian
    bytes.withUnsafeMutableBytes { $0.storeBytes(of: value, toByteOffset: offset, as: UInt64.self) }
  }

  /// Changes eight hexadecimal digits, which stay digits.
  private static func changeDigits(_ bytes: inout [UInt8], at offset: Int, by mask: UInt32) {
    let digits = Array("0123456789abcdef".utf8)
    for index in 0..<8 {
      let digit = digits.firstIndex(of: bytes[offset + index]) ?? 0
      bytes[offset + index] = digits[(digit ^ Int(mask >> UInt32(index * 4))) & 15]
    }
  }

  /// A field of a message: its number and the place of its value.
  private typealias Field = (number: UInt64, value: Range<Int>)

  private static func fields(_ bytes: [UInt8], _ message: Range<Int>) throws -> [Field] {
    var fields: [Field] = []
    var position = message.lowerBound
    func varint() throws -> UInt64 {
      var (value, shift): (UInt64, UInt64) = (0, 0)
      while position < message.upperBound, shift < 64 {
        defer { position += 1 }
        value |= UInt64(bytes[position] & 0x7F) << shift
        if bytes[position] < 0x80 { return value }
        shift += 7
      }
      throw BenchmarkFailure(description: "a recorded report is truncated")
    }
    while position < message.upperBound {
      let key = try varint()
      var value = position..<position
      switch key & 7 {
      case 0:
        _ = try varint()
        value = value.lowerBound..<position
      case 1: value = position..<(position + 8)
      case 2:
        let length = Int(clamping: try varint())
        value = position..<(position + min(length, bytes.count))
      default: throw BenchmarkFailure(description: "a recorded report has a field of another type")
      }
      try BenchmarkFailure.unless(value.upperBound <= message.upperBound, "a recorded report is truncated")
      position = value.upperBound
      fields.append((key >> 3, value))
    }
    return fields
  }

  /// Finds ids and times by the numbers of the fields of Zipkin's `ListOfSpans`.
  private static func locate(in report: inout Report) throws {
    let bytes = report.bytes
    for span in try fields(bytes, 0..<bytes.count) {
      report.spanCount += 1
      for field in try fields(bytes, span.value) {
        switch field.number {
        case 1: report.traceIDs.append(field.value.upperBound - 8)
        case 2, 3: report.spanIDs.append(field.value.lowerBound)
        case 6: report.times.append(field.value.lowerBound)
        case 10:
          report.times += try fields(bytes, field.value).filter { $0.number == 1 }.map(\.value.lowerBound)
        case 11:
          let texts = try fields(bytes, field.value)
          guard let key = texts.first(where: { $0.number == 1 }), let value = texts.first(where: { $0.number == 2 }),
            bytes[key.value].elementsEqual("guid:x-request-id".utf8), value.value.count == 36
          else { continue }
          report.requestIDs.append(value.value.lowerBound)
        default: break
        }
      }
    }
  }
}
