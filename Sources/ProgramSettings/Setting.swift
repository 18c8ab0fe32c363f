/// The single declaration of a setting. The variable, the flag, the help, the validation and the entry in `/config` follow
/// from it, and its type is the type of the configuration's field.
package struct Setting<Value: Sendable>: AnySetting {
  package let key: String
  package let environmentVariable: String?
  package let flag: SettingFlag?
  package let defaultText: String
  package let summary: String
  package let isSecret: Bool
  package var fileForm: SettingFileForm { format.fileForm }
  package var choices: [String] { format.choices }
  let format: SettingFormat<Value>

  /// Declares a setting.
  ///
  /// - Parameters:
  ///   - key: the path in the configuration file, such as `apiServer.http.port`. The variable's name is derived from it.
  ///   - format: how its text is parsed.
  ///   - defaultText: the default, as written in a file.
  ///   - summary: what the setting does, in a line.
  ///   - flag: the flag on the command line; `nil` for none.
  ///   - variable: the environment variable that sets it; `nil` for the one that the key names.
  ///   - hasVariable: whether an environment variable can set it.
  ///   - isSecret: whether the value is masked in output.
  package init(
    _ key: String, _ format: SettingFormat<Value>, default defaultText: String, _ summary: String,
    flag: SettingFlag? = nil, variable: String? = nil, hasVariable: Bool = true, isSecret: Bool = false
  ) {
    self.key = key
    self.format = format
    self.defaultText = defaultText
    self.summary = summary
    self.flag = flag
    self.isSecret = isSecret
    environmentVariable = hasVariable ? variable ?? Self.variable(of: key) : nil
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

/// A setting of any type.
package protocol AnySetting: Sendable {
  /// The path in the configuration file.
  var key: String { get }
  /// The variable in the environment; `nil` if there is none.
  var environmentVariable: String? { get }
  /// The flag on the command line; `nil` if there is none.
  var flag: SettingFlag? { get }
  /// The default, as written in a file.
  var defaultText: String { get }
  /// What the setting does, in a line.
  var summary: String { get }
  /// Whether the value is masked in output.
  var isSecret: Bool { get }
  /// What a configuration file may give.
  var fileForm: SettingFileForm { get }
  /// Every valid text, where there are few; empty elsewhere.
  var choices: [String] { get }
  /// Parses a text into the value that ``SettingValues`` stores.
  func read(_ text: String) throws(SettingFault) -> any Sendable
}

/// Wraps a value in `any Sendable`, so that an optional value differs from no value.
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

/// An invalid setting.
package struct SettingFailure: Error, CustomStringConvertible {
  /// Which setting is invalid, where it was set, and what to do.
  package var description: String

  /// Makes a failure with its description.
  package init(_ description: String) { self.description = description }
}
