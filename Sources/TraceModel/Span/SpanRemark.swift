/// What a parser changed in a span, or left out of it, without refusing the span.
public enum SpanRemark: Int, Sendable, Hashable, CaseIterable {
  /// The parent was the span itself. The span has no parent now.
  case parentIsItself
  /// A time or a duration was negative. It is unknown now.
  case negativeTime
  /// A span ended before it started. Its duration is unknown now.
  case endBeforeStart
  /// A text was not an address. It was left out.
  case noAddress
  /// An unknown kind was left out.
  case unknownKind
  /// An attribute without a key was left out.
  case attributeWithoutKey
  /// An id came in base64. OTLP's JSON has hexadecimal digits.
  case base64ID
  /// Times are in another unit than that of the format. They were stored as they are.
  case wrongUnit
  /// A key that was not understood was left out with its value.
  case unknownKey

  /// The name in answers, such as `parent-is-itself`.
  package var name: String {
    switch self {
    case .parentIsItself: "parent-is-itself"
    case .negativeTime: "negative-time"
    case .endBeforeStart: "end-before-start"
    case .noAddress: "no-address"
    case .unknownKind: "unknown-kind"
    case .attributeWithoutKey: "attribute-without-key"
    case .base64ID: "base64-id"
    case .wrongUnit: "wrong-unit"
    case .unknownKey: "unknown-key"
    }
  }

  /// What was done, to be read after a number of spans: `2 spans: ` and this.
  package var text: String {
    switch self {
    case .parentIsItself: "the parent was the span's own id and was left out"
    case .negativeTime: "a time or duration was negative and was left out"
    case .endBeforeStart: "the end was before the start, so the duration was left out"
    case .noAddress: "an address was not an IP address and was left out"
    case .unknownKind: "the kind is not known and was left out"
    case .attributeWithoutKey: "an attribute had no key and was left out"
    case .base64ID: "an id was in base64; OTLP's JSON has hexadecimal digits"
    case .wrongUnit: "the times are in another unit than that of the format, and were stored as they are"
    case .unknownKey: "a key is not known and was left out with its value"
    }
  }
}

/// How many times parsers changed something in the spans of a request. It takes memory only if they did.
public struct SpanRemarks: Sendable, Hashable {
  private var counts: [SpanRemark: Int] = [:]
  /// Keys that were not understood, at most ``keysAtMost``, each with at most 64 characters.
  package private(set) var keys: [String] = []

  /// Whether a key looks like one of the format's in another spelling, so that the sender should be told.
  package private(set) var hasMisspelledKey = false

  /// How many keys are named.
  package static let keysAtMost = 8

  /// Nothing was changed.
  public init() {}

  /// Whether nothing was changed.
  package var isEmpty: Bool { counts.isEmpty }

  /// How many times each was done.
  package var all: [SpanRemark: Int] { counts }

  /// How many times something was done.
  package subscript(remark: SpanRemark) -> Int { counts[remark] ?? 0 }

  /// Counts that something was done.
  package mutating func add(_ remark: SpanRemark, _ count: Int = 1) {
    guard count > 0 else { return }
    counts[remark, default: 0] += count
  }

  /// These, and one more.
  package func adding(_ remark: SpanRemark, _ count: Int) -> SpanRemarks {
    guard count > 0 else { return self }
    var sum = self
    sum.add(remark, count)
    return sum
  }

  /// Counts a key that was not understood.
  ///
  /// - Parameter isMisspelled: whether it looks like one of the format's keys in another spelling.
  package mutating func addUnknownKey(_ key: some StringProtocol, isMisspelled: Bool) {
    add(.unknownKey)
    hasMisspelledKey = hasMisspelledKey || isMisspelled
    guard keys.count < Self.keysAtMost else { return }
    let shown = String(key.prefix(64))
    if !keys.contains(shown) { keys.append(shown) }
  }

  /// Adds those of other spans.
  package mutating func add(_ other: SpanRemarks) {
    for (remark, count) in other.counts { add(remark, count) }
    hasMisspelledKey = hasMisspelledKey || other.hasMisspelledKey
    for key in other.keys where keys.count < Self.keysAtMost && !keys.contains(key) { keys.append(key) }
  }

  /// A sentence about everything that was changed; empty if nothing was. Unknown keys that do not look like known ones are not in it,
  /// since a newer sender may have them.
  package var notice: String {
    SpanRemark.allCases.filter { self[$0] > 0 && ($0 != .unknownKey || hasMisspelledKey) }.map { remark in
      let names = remark == .unknownKey && !keys.isEmpty ? " (\(keys.joined(separator: ", ")))" : ""
      return "\(self[remark]) \(self[remark] == 1 ? "time" : "times"): \(remark.text)\(names)"
    }.joined(separator: "; ")
  }
}
