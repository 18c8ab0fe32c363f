import Glibc
import MeshModel
import SystemErrors

/// How far an import has come, in a file, so that it can go on after it was interrupted.
struct ImportState: Sendable, Hashable {
  /// A period that a source could not be read in whole.
  struct Gap: Sendable, Hashable {
    var period: ImportPeriods.Period
    /// The service; empty for all.
    var service: String
    var reason: String

    var document: DocumentValue {
      [
        "start": .string(Self.time(period.start)), "end": .string(Self.time(period.end)), "service": .string(service),
        "reason": .string(reason),
      ]
    }

    /// The gap as a sentence.
    var sentence: String {
      "\(Self.time(period.start)) to \(Self.time(period.end))\(service.isEmpty ? "" : ", service \(service.quoted)"): \(reason)"
    }

    static func time(_ milliseconds: Int64) -> String {
      Timestamp(nanosecondsSince1970: milliseconds.multipliedReportingOverflow(by: 1_000_000).partialValue).description
    }
  }

  /// How many gaps are kept; further ones are only counted.
  static let gapLimit = 1_000

  var from: String
  var to: String
  var start: Int64
  var periods: ImportPeriods
  var counts = TraceTarget.Counts()
  var gaps: [Gap] = []
  var gapCount = 0

  /// Notes a gap.
  mutating func add(_ gap: Gap) {
    gapCount += 1
    if gaps.count < Self.gapLimit { gaps.append(gap) }
  }

  /// The state as JSON.
  var document: DocumentValue {
    [
      "from": .string(from), "to": .string(to), "start": .integer(start), "end": .integer(periods.end),
      "position": .integer(periods.position), "length": .integer(periods.length),
      "traces": .integer(Int64(counts.traces)), "spans": .integer(Int64(counts.stored)),
      "refused": .integer(Int64(counts.refused)), "reason": .string(counts.reason),
      "gapCount": .integer(Int64(gapCount)),
      "gaps": .array(
        gaps.map {
          [
            "start": .integer($0.period.start), "end": .integer($0.period.end), "service": .string($0.service),
            "reason": .string($0.reason),
          ]
        }),
    ]
  }

  /// What makes a document no state.
  struct Fault: Error, Hashable {
    /// The field, such as `gaps[2].start`.
    var field: String
    /// What it has to be.
    var wanted: String
  }

  /// The times that are possible, in milliseconds since 1970: those before 2262, which nanoseconds can hold.
  private static let times: ClosedRange<Int64> = 0...Int64.max / 1_000_000
  /// The counts that are possible. JSON holds each of them exactly, and sums of them do not overflow.
  private static let numbers: ClosedRange<Int64> = 0...1 << 53

  /// Reads a state.
  init(_ document: DocumentValue) throws(Fault) {
    func text(_ name: String) throws(Fault) -> String {
      guard let text = document[name]?.string else { throw Fault(field: name, wanted: "a text") }
      return text
    }
    func number(
      _ name: String, _ range: ClosedRange<Int64>, standard: Int64? = nil, in value: DocumentValue? = nil,
      at place: String = ""
    ) throws(Fault) -> Int64 {
      let found = (value ?? document)[name]
      if found == nil, let standard { return standard }
      guard let number = found?.number.flatMap({ Int64(exactly: $0) }), range.contains(number) else {
        throw Fault(
          field: place + name, wanted: "a whole number from \(range.lowerBound) to \(range.upperBound)")
      }
      return number
    }
    from = try text("from")
    to = try text("to")
    start = try number("start", Self.times)
    let end = try number("end", start...Self.times.upperBound)
    periods = ImportPeriods(
      from: try number("position", start...end), to: end,
      length: try number("length", Self.numbers, standard: ImportPeriods.firstLength))
    counts.traces = Int(try number("traces", Self.numbers, standard: 0))
    counts.stored = Int(try number("spans", Self.numbers, standard: 0))
    counts.refused = Int(try number("refused", Self.numbers, standard: 0))
    counts.reason = document["reason"]?.string ?? ""
    gapCount = Int(try number("gapCount", Self.numbers, standard: 0))
    for (index, gap) in (document["gaps"]?.array ?? []).prefix(Self.gapLimit).enumerated() {
      let place = "gaps[\(index)]."
      let start = try number("start", Self.times, in: gap, at: place)
      gaps.append(
        Gap(
          period: ImportPeriods.Period(
            start: start, end: try number("end", start...Self.times.upperBound, in: gap, at: place)),
          service: gap["service"]?.string ?? "", reason: gap["reason"]?.string ?? ""))
    }
  }

  init(from: String, to: String, start: Int64, end: Int64) {
    self.from = from
    self.to = to
    self.start = start
    periods = ImportPeriods(from: start, to: end)
  }

  // MARK: The file

  /// Reads the state of an earlier run; nil if there is none.
  static func read(_ path: String) throws -> ImportState? {
    // It is removed at the end.
    if let kind = FileAccess.specialKind(of: path) {
      throw CommandFailure("\(path.quoted) is \(kind); give the path of a file with --state-file")
    }
    switch FileAccess.read(path, limit: 4 << 20) {
    case .failure(let failure) where failure.number == ENOENT: return nil
    case .failure(let failure):
      throw CommandFailure("the state of the import cannot be read: \(failure); give another file with --state-file")
    case .success(let bytes):
      let mend = "remove it, or give another file with --state-file"
      guard let document = try? DocumentValue(json: bytes) else {
        throw CommandFailure("\(path.quoted) is not the state of an import; \(mend)")
      }
      do throws(Fault) {
        return try ImportState(document)
      } catch {
        throw CommandFailure(
          "\(path.quoted) is not the state of an import: \(error.field) has to be \(error.wanted); \(mend)")
      }
    }
  }

  /// Writes the state, so that a file is either the old or the new one.
  func write(to path: String) throws {
    if case .failure(let failure) = FileAccess.write(Array(document.json().utf8), to: path) {
      throw CommandFailure("the state of the import cannot be written: \(failure); give another file with --state-file")
    }
  }

  /// The file for an import from one address to another in the user's folder; nil without a home.
  static func standardPath(from: String, to: String) -> String? {
    guard let home = getenv("HOME") else { return nil }
    let folder = "\(String(cString: home))/.kumactl/imports"
    mkdir("\(String(cString: home))/.kumactl", 0o755)
    mkdir(folder, 0o700)
    let name = "\(from) \(to)".map { $0.isASCII && ($0.isLetter || $0.isNumber) ? String($0) : "-" }.joined()
    return "\(folder)/\(name.prefix(200)).json"
  }
}
