/// The parameters after a path's question mark, in the order given.
struct QueryParameters: Sendable {
  private(set) var items: [(name: String, value: String)]

  /// Reads `a=1&b=2`; pairs that cannot be decoded are left out, as Go's `url.Query` does.
  init(_ text: Substring) {
    items = text.split(separator: "&").compactMap { pair in
      let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard !pair.contains(";"), let name = parts.first.flatMap({ PercentCoding.decode($0, plusIsSpace: true) }),
        let value = PercentCoding.decode(parts.count > 1 ? parts[1] : "", plusIsSpace: true)
      else { return nil }
      return (name, value)
    }
  }

  /// The first value of a parameter; `nil` when it is absent.
  func first(_ name: String) -> String? { items.first { $0.name == name }?.value }

  /// All values of a parameter.
  func all(_ name: String) -> [String] { items.filter { $0.name == name }.map(\.value) }

  /// The parameters with one of them replaced, sorted by name and encoded anew.
  func encoded(setting name: String, to value: String) -> String {
    let others = items.filter { $0.name != name } + [(name, value)]
    return others.enumerated()
      .sorted { ($0.element.name, $0.offset) < ($1.element.name, $1.offset) }
      .map { "\(PercentCoding.encode($0.element.name))=\(PercentCoding.encode($0.element.value))" }
      .joined(separator: "&")
  }
}

/// Percent-encoding of paths and queries.
enum PercentCoding {
  /// Decodes text; `nil` when an escape is cut or the bytes are no UTF-8.
  static func decode(_ text: Substring, plusIsSpace: Bool) -> String? {
    guard text.utf8.contains(where: { $0 == UInt8(ascii: "%") || $0 == UInt8(ascii: "+") }) else { return String(text) }
    var bytes: [UInt8] = []
    var iterator = text.utf8.makeIterator()
    while let byte = iterator.next() {
      if byte == UInt8(ascii: "+"), plusIsSpace {
        bytes.append(UInt8(ascii: " "))
      } else if byte == UInt8(ascii: "%") {
        guard let high = iterator.next().flatMap(digit), let low = iterator.next().flatMap(digit) else { return nil }
        bytes.append(high << 4 | low)
      } else {
        bytes.append(byte)
      }
    }
    return String(validating: bytes, as: UTF8.self)
  }

  /// Encodes text for a query, a space as `+`.
  static func encode(_ text: String) -> String { encode(text, keeping: "", space: "+") }

  /// Encodes a path: slashes and the other characters that may stand in one stay as they are.
  static func encode(path: String) -> String { encode(path, keeping: "/$&+,:;=@", space: "%20") }

  private static func encode(_ text: String, keeping others: String, space: String) -> String {
    var result = ""
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."),
        UInt8(ascii: "~"):
        result.unicodeScalars.append(Unicode.Scalar(byte))
      case _ where others.utf8.contains(byte): result.unicodeScalars.append(Unicode.Scalar(byte))
      case UInt8(ascii: " "): result += space
      default:
        let digits = String(byte, radix: 16, uppercase: true)
        result += (byte < 16 ? "%0" : "%") + digits
      }
    }
    return result
  }

  private static func digit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
  }
}
