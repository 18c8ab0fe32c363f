package import ArgumentParser

/// The flag of a setting on the command line.
package struct SettingFlag: Sendable {
  /// What follows the name.
  enum Form: Sendable {
    case value(name: String, CompletionKind?)
    case nothing(text: String)
  }

  /// The name with its dashes, as in `--api-port`.
  package let name: String
  let short: Character?
  let help: String?
  let standard: String?
  let form: Form

  /// A flag with a value.
  ///
  /// - Parameters:
  ///   - valueName: the name of the value in help: what it is, such as `file`.
  ///   - completion: what shells complete; `nil` for the setting's choices, if it has any.
  ///   - help: the help text; `nil` for the setting's summary, its default and its variable.
  ///   - standard: the default as shown in help; `nil` for the default's text.
  package static func option(
    _ name: String, short: Character? = nil, valueName: String, completion: CompletionKind? = nil,
    standard: String? = nil, _ help: String? = nil
  ) -> SettingFlag {
    SettingFlag(name: name, short: short, help: help, standard: standard, form: .value(name: valueName, completion))
  }

  /// A flag without a value.
  ///
  /// - Parameter text: the setting's text when the flag is given.
  package static func `switch`(_ name: String, gives text: String, _ help: String) -> SettingFlag {
    SettingFlag(name: name, short: nil, help: help, standard: nil, form: .nothing(text: text))
  }

  fileprivate var specification: NameSpecification {
    let long = NameSpecification.Element.customLong(String(name.dropFirst(2)))
    return short.map { [.customShort($0), long] } ?? [long]
  }
}

/// The settings that a command takes as flags, in the order of its help.
package protocol SettingFlagList {
  /// The settings, each with a flag.
  static var settings: [any AnySetting] { get }
  /// How values of flags are parsed.
  static var parsing: SingleValueParsingStrategy { get }
}

/// The flags of a command that set settings, as a group of options.
///
/// swift-argument-parser finds the options of a group in its mirror and returns them by their labels. Here the labels are
/// the settings' keys, so that no flag needs a property.
package struct SettingFlags<List: SettingFlagList>: ParsableArguments, CustomReflectable {
  /// The texts that were given, by the settings' keys.
  package private(set) var values: [String: String] = [:]

  package init() {}

  package init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Key.self)
    for setting in List.settings {
      let key = Key(stringValue: setting.key)
      switch setting.flag?.form {
      case .value: values[setting.key] = try container.decode(Option<String?>.self, forKey: key).wrappedValue
      case .nothing(let text):
        if try container.decode(Flag<Bool>.self, forKey: key).wrappedValue { values[setting.key] = text }
      case nil: break
      }
    }
  }

  package var customMirror: Mirror {
    Mirror(
      self,
      children: List.settings.compactMap { setting in setting.flag.map { (setting.key, Self.argument($0, of: setting)) }
      })
  }

  private static func argument(_ flag: SettingFlag, of setting: any AnySetting) -> Any {
    let variable = setting.environmentVariable.map { " Variable: \($0)." } ?? ""
    let help = flag.help ?? "\(setting.summary) Default: \(flag.standard ?? setting.defaultText).\(variable)"
    switch flag.form {
    case .value(let name, let completion):
      return Option<String?>(
        name: flag.specification, parsing: List.parsing, help: ArgumentHelp("\(help)", valueName: name),
        completion: completion ?? (setting.choices.isEmpty ? .default : .list(setting.choices)))
    case .nothing:
      return Flag<Bool>(wrappedValue: false, name: flag.specification, help: ArgumentHelp("\(help)"))
    }
  }

  private struct Key: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }

    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }
}
