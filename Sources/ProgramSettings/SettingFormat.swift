import MeshModel
import OrderedCollections

/// How the text of a setting is parsed. The typed readers of swift-configuration do not say what is wrong with a text or
/// what would be valid, so these formats parse texts.
package struct SettingFormat<Value: Sendable>: Sendable {
  /// Parses a text.
  package let read: @Sendable (String) throws(SettingFault) -> Value
  /// What a configuration file may give.
  package let fileForm: SettingFileForm
  /// Every valid text, where there are few; empty elsewhere. Shells complete them.
  package let choices: [String]

  /// Makes a format from a function that throws what is wrong.
  package init(
    fileForm: SettingFileForm = .single, choices: [String] = [],
    _ read: @escaping @Sendable (String) throws(SettingFault) -> Value
  ) {
    self.fileForm = fileForm
    self.choices = choices
    self.read = read
  }

  /// Makes a format from a function that returns `nil` for an invalid text.
  ///
  /// - Parameters:
  ///   - fault: the error for an invalid text, such as `is not a port; give a number from 0 to 65535`.
  ///   - choices: every valid text, where there are few.
  package init(_ fault: String, choices: [String] = [], _ read: @escaping @Sendable (String) -> Value?) {
    self.init(choices: choices) { text throws(SettingFault) in
      guard let value = read(text) else { throw SettingFault(text, fault) }
      return value
    }
  }
}

/// What a configuration file may give for a setting. In the environment and on the command line everything is a text.
package enum SettingFileForm: Sendable {
  /// A single value.
  case single
  /// A single value, or a list.
  case list
  /// A single value, or keys with values.
  case map
  /// A list of objects. As a text it is YAML or JSON.
  case objects
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
    Self("is neither true nor false", choices: ["true", "false"]) { text in
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
    Self(fileForm: .list) { text throws(SettingFault) in
      let items = text.split(separator: ",").map { String($0.trimmed) }.filter { !$0.isEmpty }
      for item in items where !isValid(item) { throw SettingFault(item, fault) }
      return items
    }
  }
}

extension SettingFormat<[UInt16]> {
  /// Ports separated by commas.
  package static var ports: Self {
    let list = SettingFormat<[String]>.list("is not a port; give numbers from 1 to 65535 with commas between") {
      UInt16($0).map { $0 > 0 } ?? false
    }
    return Self(fileForm: .list) { text throws(SettingFault) in try list.read(text).compactMap { UInt16($0) } }
  }
}

extension SettingFormat<[String: String]> {
  /// Keys with values: `key:value,key:value`, or a JSON object, in which values may have commas.
  package static var map: Self {
    Self(fileForm: .map) { text throws(SettingFault) in
      let fault = "is not a map; give key:value pairs with commas between, or a JSON object of texts"
      var map: [String: String] = [:]
      if text.hasPrefix("{") {
        guard let object = (try? DocumentValue(json: Array(text.utf8)))?.object else { throw SettingFault(text, fault) }
        for (key, value) in object {
          guard let value = value.scalarText else { throw SettingFault(text, fault) }
          map[key] = value
        }
        return map
      }
      for pair in text.split(separator: ",") {
        guard let colon = pair.firstIndex(of: ":") else { throw SettingFault(String(pair), fault) }
        map[String(pair[..<colon].trimmed)] = String(pair[pair.index(after: colon)...].trimmed)
      }
      return map
    }
  }
}

extension SettingFormat where Value: RawRepresentable<String> & CaseIterable {
  /// One of the raw values of an enumeration.
  package static var choice: Self {
    let choices = Value.allCases.map(\.rawValue)
    return Self("is not known; choose one of \(choices.joined(separator: ", "))", choices: choices) {
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
