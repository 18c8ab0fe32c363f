import TraceModel

// The values of a span's members.
extension SpanParser {
  /// Parses a text; `nil` for a value of another type, which is an error of the span.
  mutating func text(_ field: String, of whole: String? = nil) throws(JSONError) -> TextSlice? {
    guard try scanner.next("a value") == 0x22 else {
      reject("\(whole.map { $0 + "." } ?? "")\(field) must be a text")
      try scanner.skipValue()
      return nil
    }
    let text = try scanner.slice("a text")
    textBytes += text.count
    if textBytes > limits.textBytesPerSpan { reject(bounds.textsTooLong) }
    return text
  }

  /// Parses an operation name, which may be a whole URL.
  mutating func operation() throws(JSONError) -> TextSlice {
    guard let text = try text("name") else { return TextSlice() }
    if scanner.holdsZero(text) { reject(bounds.holdsZero("name")) }
    return text
  }

  mutating func serviceName(_ endpoint: String) throws(JSONError) -> TextSlice {
    guard let text = try text("serviceName", of: endpoint) else { return TextSlice() }
    check(text, "serviceName", of: endpoint)
    return text
  }

  mutating func check(_ name: TextSlice, _ field: StaticString, of whole: String? = nil) {
    if let problem = bounds.problem(
      nameBytes: name.count, holdsZero: scanner.holdsZero(name), "\(whole.map { $0 + "." } ?? "")\(field)")
    {
      reject(problem)
    }
  }

  mutating func lowercased(_ text: TextSlice) -> TextSlice {
    guard problem == nil else { return text }
    let isLowercased = scanner.bytes.withUnsafeBytes { bytes in
      text.of(bytes).allSatisfy { $0 < 0x80 && !($0 >= 0x41 && $0 <= 0x5A) }
    }
    return isLowercased ? text : scanner.append(scanner.text(text).lowercased().utf8)
  }

  mutating func integer(_ field: String) throws(JSONError) -> Int64 {
    switch try scanner.next("a value") {
    case 0x2D, 0x30...0x39:
      let text = try scanner.numberSlice()
      if let value = decimal(text) { return value }
      let digits = scanner.text(text)
      if let value = Int64(digits) { return value }
      // Some senders write times as floating-point numbers.
      if digits.utf8.count <= 64, let value = Double(digits), value.magnitude < 9e18 { return Int64(value) }
      reject("\(field) is out of range")
    default:
      reject("\(field) must be a number")
      try scanner.skipValue()
    }
    return 0
  }

  /// A number of at most 18 digits and nothing else; `nil` for others.
  private func decimal(_ text: TextSlice) -> Int64? {
    guard text.count <= 18 else { return nil }
    return scanner.bytes.withUnsafeBytes { bytes in
      var value: Int64 = 0
      for byte in text.of(bytes) {
        guard byte >= 0x30, byte <= 0x39 else { return nil }
        value = value * 10 + Int64(byte - 0x30)
      }
      return value
    }
  }

  mutating func flag(_ field: String) throws(JSONError) -> Bool {
    if try scanner.literal("true") { return true }
    if try scanner.literal("false") { return false }
    reject("\(field) must be true or false")
    try scanner.skipValue()
    return false
  }
}
