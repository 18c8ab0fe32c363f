import MeshModel

/// How the text of a setting is parsed. The typed readers of swift-configuration do not say what is wrong with a text or
/// what would be valid, so these formats parse texts.
package struct SettingFormat<Value: Sendable>: Sendable {
  /// Parses a text.
  package let read: @Sendable (String) throws(SettingFault) -> Value

  /// Makes a format from a function that throws what is wrong.
  package init(_ read: @escaping @Sendable (String) throws(SettingFault) -> Value) { self.read = read }

  /// Makes a format from a function that returns `nil` for an invalid text.
  ///
  /// - Parameter fault: the error for an invalid text, such as `is not a port; give a number from 0 to 65535`.
  package init(_ fault: String, _ read: @escaping @Sendable (String) -> Value?) {
    self.init { text throws(SettingFault) in
      guard let value = read(text) else { throw SettingFault(text, fault) }
      return value
    }
  }
}

/// What is wrong with a text: `"http" is not a port; give a number from 0 to 65535`.
package struct SettingFault: Error, CustomStringConvertible {
  /// The text in quotes, why it is invalid, and what would be valid.
  package let description: String

  /// Makes a fault of a text.
  package init(_ text: String, _ fault: String) { description = "\"\(text)\" \(fault)" }
}

extension SettingFormat<String> {
  /// Any text.
  package static var text: Self { Self { text throws(SettingFault) in text } }

  /// Text that is not empty.
  package static var nonEmpty: Self { Self("is empty; give a value") { $0.isEmpty ? nil : $0 } }

  /// An address on which a server listens.
  package static var host: Self {
    Self("is not an IP address; give one such as 127.0.0.1 or 0.0.0.0") {
      HostRules.isIP($0) || $0 == "localhost" ? $0 : nil
    }
  }
}

extension SettingFormat<String?> {
  /// Any text; an empty text means `nil`.
  package static var optionalText: Self { Self { text throws(SettingFault) in text.isEmpty ? nil : text } }
}

extension SettingFormat<Bool> {
  /// `true` or `false`.
  package static var truth: Self {
    Self("is neither true nor false") { text in
      switch text.lowercased() {
      case "true", "1", "yes": true
      case "false", "0", "no": false
      default: nil
      }
    }
  }
}

extension SettingFormat<Bool?> {
  /// `true` or `false`; an empty text means `nil`.
  package static var optionalTruth: Self {
    Self { text throws(SettingFault) in text.isEmpty ? nil : try SettingFormat<Bool>.truth.read(text) }
  }
}

extension SettingFormat<Int> {
  /// A port on which a server listens.
  package static var port: Self {
    Self("is not a port; give a number from 0 to 65535") { UInt16($0).map { Int($0) } }
  }

  /// A whole number with a minimum.
  package static func count(from minimum: Int) -> Self {
    Self("is not a valid number; give a whole number from \(minimum) on") { text in
      Int(text).flatMap { (minimum...1 << 40).contains($0) ? $0 : nil }
    }
  }

  /// Bytes: `4GiB`, `10MiB`, `64KiB` or a plain number.
  package static func size(from minimum: Int) -> Self {
    Self("is not a valid size; give one such as 64KiB, 10MiB or 4GiB, at least \(minimum) bytes") { text in
      let units: [(suffix: String, bytes: Int)] = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("", 1)]
      for unit in units where text.hasSuffix(unit.suffix) {
        guard let number = Int(text.dropLast(unit.suffix.count)) else { continue }
        let (bytes, isBeyond) = number.multipliedReportingOverflow(by: unit.bytes)
        if !isBeyond, bytes >= minimum { return bytes }
      }
      return nil
    }
  }
}

extension SettingFormat<Duration> {
  /// A duration: `500ms`, `1m30s`, `0`.
  package static var duration: Self {
    Self { text throws(SettingFault) in
      guard let duration = Duration(goText: text) else { throw SettingFault(text, Duration.fault(ofText: text)) }
      return duration
    }
  }

  /// A duration above 0.
  package static var positiveDuration: Self {
    Self { text throws(SettingFault) in
      let duration = try Self.duration.read(text)
      guard duration > .zero else { throw SettingFault(text, "is too short; give a duration above 0, such as 30s") }
      return duration
    }
  }
}

extension SettingFormat<[String]> {
  /// A list separated by commas.
  package static var list: Self { list("") { _ in true } }

  /// A list separated by commas, whose items must pass a check.
  ///
  /// - Parameter fault: the error for an invalid item.
  package static func list(_ fault: String, where isValid: @escaping @Sendable (String) -> Bool) -> Self {
    Self { text throws(SettingFault) in
      let items = text.split(separator: ",").map { String($0.trimmed) }.filter { !$0.isEmpty }
      for item in items where !isValid(item) { throw SettingFault(item, fault) }
      return items
    }
  }
}

extension SettingFormat where Value: RawRepresentable<String> & CaseIterable {
  /// One of the raw values of an enumeration.
  package static var choice: Self {
    Self("is not known; choose one of \(Value.allCases.map(\.rawValue).joined(separator: ", "))") {
      Value(rawValue: $0)
    }
  }
}

extension SettingFormat {
  /// One of the raw values of an enumeration; an empty text means `nil`.
  package static func optionalChoice<Choice>() -> Self
  where Value == Choice?, Choice: RawRepresentable<String> & CaseIterable {
    Self { text throws(SettingFault) in text.isEmpty ? nil : try SettingFormat<Choice>.choice.read(text) }
  }
}

extension Substring {
  /// The text without surrounding white space.
  fileprivate var trimmed: Substring {
    var rest = self
    while rest.first?.isWhitespace == true { rest.removeFirst() }
    while rest.last?.isWhitespace == true { rest.removeLast() }
    return rest
  }
}
