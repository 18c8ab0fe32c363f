/// One setting of a program, declared once: the variable, the flag, the help, the check and the entry in a printed
/// configuration follow from this value, and its type is the type of the configuration's field.
package struct Setting<Value: Sendable>: AnySetting {
  package let key: String
  package let environmentVariable: String?
  package let flag: SettingFlag?
  package let defaultText: String
  package let summary: String
  package let isSecret: Bool
  let format: SettingFormat<Value>

  /// Declares a setting.
  ///
  /// - Parameters:
  ///   - key: the path in the configuration file, such as `apiServer.http.port`. The variable's name is made of it.
  ///   - format: how its text is read.
  ///   - defaultText: the default, as a file would have it.
  ///   - summary: what the setting does, in a line.
  ///   - flag: how command lines give it; `nil` if they do not.
  ///   - hasVariable: whether the environment can give it.
  ///   - isSecret: whether the value is shown to nobody.
  package init(
    _ key: String, _ format: SettingFormat<Value>, default defaultText: String, _ summary: String,
    flag: SettingFlag? = nil, hasVariable: Bool = true, isSecret: Bool = false
  ) {
    self.key = key
    self.format = format
    self.defaultText = defaultText
    self.summary = summary
    self.flag = flag
    self.isSecret = isSecret
    environmentVariable = hasVariable ? Self.variable(of: key) : nil
  }

  /// The variable of a key: `KUMA_API_SERVER_HTTP_PORT`.
  private static func variable(of key: String) -> String {
    var name = "KUMA_"
    var previousIsLower = false
    for character in key {
      if character.isUppercase, previousIsLower { name += "_" }
      name += character == "." ? "_" : character.uppercased()
      previousIsLower = character.isLowercase || character.isNumber
    }
    return name
  }

  package func read(_ text: String) throws(SettingFault) -> any Sendable { Bound(value: try format.read(text)) }
}

/// A setting whatever its type.
package protocol AnySetting: Sendable {
  /// The path in the configuration file.
  var key: String { get }
  /// The variable in the environment; `nil` if there is none.
  var environmentVariable: String? { get }
  /// How command lines give it.
  var flag: SettingFlag? { get }
  /// The default, as a file would have it.
  var defaultText: String { get }
  /// What the setting does, in a line.
  var summary: String { get }
  /// Whether the value is shown to nobody.
  var isSecret: Bool { get }
  /// The value that a text stands for, as ``SettingValues`` keeps it.
  func read(_ text: String) throws(SettingFault) -> any Sendable
}

/// A value behind `any Sendable`. It keeps an optional value apart from no value.
struct Bound<Value: Sendable>: Sendable {
  let value: Value
}

/// Declarations of settings, each one a stored property. Groups nest.
package protocol SettingGroup: Sendable {
  init()
}

extension SettingGroup {
  /// Every setting of the group, in the order of declaration.
  package static var all: [any AnySetting] { list(Self()) }

  /// The key of a setting, for messages.
  package static func key<Value>(_ setting: KeyPath<Self, Setting<Value>>) -> String { Self()[keyPath: setting].key }

  private static func list(_ group: Any) -> [any AnySetting] {
    Mirror(reflecting: group).children.flatMap { child in
      (child.value as? any AnySetting).map { [$0] } ?? list(child.value)
    }
  }
}

/// A fault of a setting, for the user.
package struct SettingFailure: Error, CustomStringConvertible {
  /// Which setting is at fault, where it was given, and what to do.
  package var description: String

  /// Describes a fault.
  package init(_ description: String) { self.description = description }
}
