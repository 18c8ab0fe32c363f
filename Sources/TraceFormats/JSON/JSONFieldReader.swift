import TraceModel

/// Parses the members of JSON objects, one item of a list at a time. A value of the wrong type is an error of the current item and
/// does not affect the others. Only invalid JSON is thrown.
struct JSONFieldReader {
  typealias Member = (inout JSONFieldReader, _ key: String) throws(JSONError) -> Void
  typealias Element = (inout JSONFieldReader) throws(JSONError) -> Void

  var scanner: JSONScanner
  /// The first error of the current item.
  private(set) var problem: String?

  init(_ bytes: [UInt8], nestingLimit: Int) { scanner = JSONScanner(bytes, nestingLimit: nestingLimit) }

  /// Starts the next item.
  mutating func beginItem() { problem = nil }

  mutating func reject(_ reason: @autoclosure () -> String) {
    if problem == nil { problem = reason() }
  }

  /// Calls `member` for each member of an object that is not null. It must parse or skip the value.
  mutating func object(_ field: String, _ member: Member) throws(JSONError) {
    guard try isNext(0x7B, field, "an object") else { return }
    guard try scanner.enterObject() else { return }
    repeat {
      let key = try scanner.key()
      if try scanner.literal("null") { continue }
      try member(&self, key)
    } while try scanner.moreMembers()
  }

  /// Calls `element` for each element of a list. It must parse or skip the element.
  mutating func list(_ field: String, _ element: Element) throws(JSONError) {
    guard try isNext(0x5B, field, "a list") else { return }
    guard try scanner.enterArray() else { return }
    repeat { try element(&self) } while try scanner.moreElements()
  }

  /// Whether the next value has the expected type. A value of another type is skipped and is an error of the item.
  private mutating func isNext(_ first: UInt8, _ field: String, _ wanted: String) throws(JSONError) -> Bool {
    if try scanner.next("a value") == first { return true }
    reject("\(field) must be \(wanted)")
    try scanner.skipValue()
    return false
  }

  mutating func skip() throws(JSONError) { try scanner.skipValue() }

  /// Skips a value and returns its bytes.
  mutating func piece() throws(JSONError) -> ArraySlice<UInt8> {
    _ = try scanner.next("a value")
    let start = scanner.position
    try scanner.skipValue()
    return scanner.bytes[start..<scanner.position]
  }

  /// Parses a text; `nil` for a value of another type.
  mutating func text(_ field: String) throws(JSONError) -> String? {
    guard let slice = try textSlice(field) else { return nil }
    return scanner.text(slice)
  }

  /// The slice of a text; `nil` for a value of another type.
  mutating func textSlice(_ field: String) throws(JSONError) -> TextSlice? {
    guard try isNext(0x22, field, "a text") else { return nil }
    return try scanner.slice("a text")
  }

  /// Parses a text, or a number as written; `nil` for a value of another type.
  mutating func textOrNumber(_ field: String) throws(JSONError) -> (text: String, isNumber: Bool)? {
    switch try scanner.next("a value") {
    case 0x22: return (try scanner.string("a text"), false)
    case 0x2D, 0x30...0x39: return (try scanner.number(), true)
    default:
      reject("\(field) must be a number")
      try scanner.skipValue()
      return nil
    }
  }

  /// Parses a whole number, which may be quoted; 0 for any other value.
  mutating func integer(_ field: String) throws(JSONError) -> Int64 {
    guard let (text, _) = try textOrNumber(field) else { return 0 }
    if let value = Int64(text) { return value }
    // Some senders write times as floating-point numbers.
    if text.utf8.count <= 64, let value = Double(text), value.magnitude < 9e18 { return Int64(value) }
    reject("\(field) must be a whole number of at most 64 bits")
    return 0
  }

  /// Parses a non-negative whole number, which may be quoted; 0 for any other value.
  mutating func unsigned(_ field: String) throws(JSONError) -> UInt64 {
    guard let (text, _) = try textOrNumber(field) else { return 0 }
    if let value = UInt64(text) { return value }
    if text.utf8.count <= 64, let value = Double(text), value >= 0, value < 1.8e19 { return UInt64(value) }
    reject("\(field) must be a whole number of at most 64 bits, and not negative")
    return 0
  }

  mutating func flag(_ field: String) throws(JSONError) -> Bool {
    if try scanner.literal("true") { return true }
    if try scanner.literal("false") { return false }
    reject("\(field) must be true or false")
    try scanner.skipValue()
    return false
  }
}
