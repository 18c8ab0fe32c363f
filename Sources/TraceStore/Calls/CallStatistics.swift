import TraceModel

/// Counts calls and writes them as one small row: a histogram of durations for each service, operation or pair of services, and each
/// time slot.
///
/// Layout: the version 1; the length of a slot in milliseconds; the subjects, each its kind and two texts; then for each
/// subject and slot: the subject, the slot, the number of failed calls, the longest duration, and the classes with their counts.
/// Counts may be negative: when spans arrive late, the calls that were counted without them are subtracted.
struct CallRecorder {
  private struct Subject: Hashable {
    let kind: Call.Kind
    let service: UInt64
    let other: UInt64
  }

  /// The key has 20 bits for the subject, 22 for the slot, 12 for the class, one for a failure, and one for a subtraction.
  private struct Sample {
    let key: UInt64
    let duration: Int64
  }

  private let slotLength: Int64
  private var subjects: [Subject] = []
  private var subjectNumbers: [Subject: UInt64] = [:]
  /// Some of these again. The few subjects that most calls have are found here without hashing.
  private var frequent = [(subject: Subject, number: UInt64)?](repeating: nil, count: 256)
  private var slots: [Int64] = []
  private var slotNumbers: [Int64: UInt64] = [:]
  private var lastSlot: (slot: Int64, number: UInt64)?
  private var samples: [Sample] = []

  static let version: UInt8 = 1
  /// The shortest slot in milliseconds.
  static let shortestSlot: Int64 = 10_000

  /// - Parameter extent: the milliseconds between the first and the last span's arrival. A slot is at least a 64th of it, which
  ///   bounds the size of a row.
  init(extent: Int64 = 0) {
    var length = Self.shortestSlot
    while length < max(0, extent) / 64 { length *= 2 }
    slotLength = length
  }

  mutating func add(_ call: Call, isSubtracted: Bool = false) {
    let subject = number(of: Subject(kind: call.kind, service: call.service, other: call.other))
    let slot = number(ofSlot: call.time / slotLength)
    guard subject < 1 << 20, slot < 1 << 22 else { return }
    let bucket = UInt64(LatencyBuckets.bucket(of: call.duration))
    samples.append(
      Sample(
        key: subject << 36 | slot << 14 | bucket << 2 | (call.isError ? 2 : 0) | (isSubtracted ? 1 : 0),
        duration: call.duration))
  }

  private mutating func number(of subject: Subject) -> UInt64 {
    let mixed = TextHash.fold(subject.service ^ UInt64(subject.kind.rawValue), subject.other ^ 0x9fb2_1c65_1e98_df25)
    let place = Int(truncatingIfNeeded: mixed) & (frequent.count - 1)
    if let (known, number) = frequent[place], known == subject { return number }
    let number = subjectNumbers[subject] ?? UInt64(subjects.count)
    if number == subjects.count {
      subjects.append(subject)
      subjectNumbers[subject] = number
    }
    frequent[place] = (subject, number)
    return number
  }

  private mutating func number(ofSlot slot: Int64) -> UInt64 {
    if let lastSlot, lastSlot.slot == slot { return lastSlot.number }
    let number = slotNumbers[slot] ?? UInt64(slots.count)
    if number == slots.count {
      slots.append(slot)
      slotNumbers[slot] = number
    }
    lastSlot = (slot, number)
    return number
  }

  /// The row. `text` returns the listed name with a ``TextHash``; nil if there is none.
  func encoded(_ text: (UInt64) -> String?) -> [UInt8] {
    var writer = ByteWriter()
    writer.bytes.append(Self.version)
    writer.number(UInt64(slotLength))
    writer.number(subjects.count)
    for subject in subjects {
      writer.bytes.append(subject.kind.rawValue)
      writer.text(text(subject.service) ?? "")
      writer.text(text(subject.other) ?? "")
    }
    let sorted = samples.sorted { $0.key < $1.key }
    var index = 0
    while index < sorted.count {
      let group = sorted[index].key >> 14
      var counts: [(bucket: UInt64, count: Int64)] = []
      var errors: Int64 = 0
      var longest: Int64 = 0
      while index < sorted.count, sorted[index].key >> 14 == group {
        let sample = sorted[index]
        let amount: Int64 = sample.key & 1 == 0 ? 1 : -1
        let bucket = sample.key >> 2 & 0xFFF
        if counts.last?.bucket != bucket { counts.append((bucket, 0)) }
        counts[counts.count - 1].count += amount
        if sample.key & 2 != 0 { errors += amount }
        if amount > 0 { longest = max(longest, sample.duration) }
        index += 1
      }
      counts.removeAll { $0.count == 0 }
      guard !counts.isEmpty || errors != 0 else { continue }
      writer.number(group >> 22)
      writer.signed(slots[Int(group & 0x3F_FFFF)])
      writer.signed(errors)
      writer.signed(longest)
      writer.number(counts.count)
      for (bucket, count) in counts {
        writer.number(bucket)
        writer.signed(count)
      }
    }
    return writer.bytes
  }
}

/// The calls of a time range, summed from rows of ``CallRecorder``.
struct CallStatistics: Sendable {
  /// What is counted.
  struct Subject: Hashable, Sendable {
    var kind: Call.Kind
    /// The service; in a pair, the caller.
    var service: String
    /// The operation, or the called service.
    var other: String
  }

  var tallies: some Sequence<(subject: Subject, tally: CallTally)> {
    numbers.lazy.map { [figures] in ($0.key, figures[$0.value]) }
  }

  private var numbers: [Subject: Int] = [:]
  private var figures: [CallTally] = []
  private let from: Int64
  private let to: Int64
  /// The start of the first slot that has a call in the time range.
  private var first: Int64?

  /// Statistics of no calls, for a time range in milliseconds since 1970. A slot that is partly in the range counts as a whole.
  init(from: Int64, to: Int64) {
    self.from = from
    self.to = to
  }

  /// The length of the time that has calls, in milliseconds: from the first call to the end of the range or to now, and at least one
  /// slot. Rates are counts divided by it.
  func length(now: Int64) -> Int64 {
    guard let first else { return max(CallRecorder.shortestSlot, to.subtractingReportingOverflow(from).partialValue) }
    return max(CallRecorder.shortestSlot, min(to, now).subtractingReportingOverflow(max(from, first)).partialValue)
  }

  /// Adds the calls of a row that are in the time range. Of a damaged row, adds what precedes the damage.
  mutating func add(_ bytes: UnsafeRawBufferPointer) throws(UnknownVersion) {
    var reader = ByteReader(bytes)
    _ = try reader.version(.calls, known: CallRecorder.version...CallRecorder.version)
    guard let length = Int64(exactly: reader.number()), length > 0 else { return }
    var subjects: [Int?] = []
    for _ in 0..<reader.count(ofSize: 3) {
      let kind = Call.Kind(rawValue: reader.byte())
      let service = reader.text()
      let other = reader.text()
      // A pair needs both names. Spans without a service are not counted.
      let isNamed = !service.isEmpty && (kind != .edge || !other.isEmpty)
      subjects.append(isNamed ? kind.map { number(of: Subject(kind: $0, service: service, other: other)) } : nil)
    }
    while !reader.isAtEnd, !reader.isDamaged {
      let number = Int(clamping: reader.number())
      let slot = reader.signed()
      let errors = reader.signed()
      let longest = reader.signed()
      let start = slot.multipliedReportingOverflow(by: length).partialValue
      let isWanted = start <= to && (from < .min + length || start > from - length)
      let subject = isWanted && subjects.indices.contains(number) ? subjects[number] : nil
      if subject != nil { first = min(first ?? start, start) }
      for _ in 0..<reader.count(ofSize: 2) {
        let bucket = UInt16(clamping: reader.number())
        let count = reader.signed()
        if let subject { figures[subject].add(count, bucket: bucket) }
      }
      if let subject { figures[subject].add(errors: errors, longest: longest) }
    }
  }

  private mutating func number(of subject: Subject) -> Int {
    if let number = numbers[subject] { return number }
    numbers[subject] = figures.count
    figures.append(CallTally())
    return figures.count - 1
  }
}
