package import MeshModel
import OrderedCollections

/// The settings of a group with the values that are in effect. A field is read by the name of its declaration.
@dynamicMemberLookup
package struct SettingValues<Group: SettingGroup>: Sendable, CustomStringConvertible, CustomReflectable {
  private let declarations = Group()
  /// What was given, and what it stands for, by the settings' keys.
  private let given: [String: GivenSetting]
  private let values: [String: any Sendable]

  /// Reads every setting of the group.
  ///
  /// - Parameter sources: where settings are given; the first that has a setting counts.
  /// - Throws: ``SettingFailure`` naming the setting's place and the text that is wrong.
  package init(_ sources: [SettingSource]) throws(SettingFailure) {
    var given: [String: GivenSetting] = [:]
    var values: [String: any Sendable] = [:]
    for setting in Group.all {
      given[setting.key] = sources.lazy.compactMap { $0.given(setting) }.first
      do {
        values[setting.key] = try setting.read(given[setting.key]?.text ?? setting.defaultText)
      } catch {
        throw SettingFailure("\(given[setting.key]?.place ?? setting.key): \(error)")
      }
    }
    self.init(given: given, values: values)
  }

  private init(given: [String: GivenSetting], values: [String: any Sendable]) {
    self.given = given
    self.values = values
  }

  /// The value of a setting.
  package subscript<Value>(dynamicMember setting: KeyPath<Group, Setting<Value>>) -> Value {
    guard let bound = values[declarations[keyPath: setting].key] as? Bound<Value> else {
      preconditionFailure("a setting that is no stored property of its group is not read")
    }
    return bound.value
  }

  /// The values of a group in the group.
  package subscript<Inner: SettingGroup>(dynamicMember group: KeyPath<Group, Inner>) -> SettingValues<Inner> {
    SettingValues<Inner>(given: given, values: values)
  }

  /// What was given for a setting; `nil` where its default counts.
  package func given<Value>(_ setting: KeyPath<Group, Setting<Value>>) -> GivenSetting? {
    given[declarations[keyPath: setting].key]
  }

  /// A failure of a setting that has a value that cannot be used together with others.
  package func failure<Value>(_ setting: KeyPath<Group, Setting<Value>>, _ fault: String) -> SettingFailure {
    let declaration = declarations[keyPath: setting]
    let given = given[declaration.key]
    return SettingFailure(
      "\(given?.place ?? declaration.key): \(SettingFault(given?.text ?? declaration.defaultText, fault))")
  }

  /// The document as text: no secret gets into a log.
  package var description: String { document.json() }
  package var customMirror: Mirror { Mirror(self, children: ["document": document]) }

  /// Every setting in effect, nested as in the file.
  package var document: DocumentValue {
    var root: DocumentValue = [:]
    for setting in Group.all {
      // As Kuma shows it.
      let text = setting.isSecret ? "*****" : given[setting.key]?.text ?? setting.defaultText
      let leaf: DocumentValue =
        switch text {
        case "true": true
        case "false": false
        default: Int64(text).map(DocumentValue.integer) ?? .string(text)
        }
      root.set(leaf, at: setting.key.split(separator: ".").map(String.init)[...])
    }
    return root
  }
}

/// The text that was given for a setting, and where.
package struct GivenSetting: Sendable, Equatable {
  /// The text.
  package let text: String
  /// How messages name the place: a flag, a variable, or a key and its file.
  package let place: String
  /// Whether it was given on the command line.
  package let isFlag: Bool
}

extension DocumentValue {
  /// Sets a value at a path of keys, making the objects on the way.
  fileprivate mutating func set(_ value: DocumentValue, at path: ArraySlice<String>) {
    guard let key = path.first else {
      self = value
      return
    }
    var object = self.object ?? [:]
    var inner = object[key] ?? [:]
    inner.set(value, at: path.dropFirst())
    object[key] = inner
    self = .object(object)
  }
}
