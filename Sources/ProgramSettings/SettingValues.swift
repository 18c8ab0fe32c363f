package import MeshModel
import OrderedCollections

/// The effective values of a group of settings. A value is read by the name of its declaration.
@dynamicMemberLookup
package struct SettingValues<Group: SettingGroup>: Sendable, CustomStringConvertible, CustomReflectable {
  private let declarations = Declarations()
  /// The given texts and the parsed values, by the settings' keys.
  private let given: [String: GivenSetting]
  private let values: [String: any Sendable]

  /// Reads every setting of the group.
  ///
  /// - Parameter sources: the sources; the first that has a setting wins.
  /// - Throws: ``SettingFailure``, which names the place and the invalid text.
  package init(_ sources: [SettingSource]) throws(SettingFailure) {
    var given: [String: GivenSetting] = [:]
    var values: [String: any Sendable] = [:]
    for setting in Group.all {
      given[setting.key] = sources.lazy.compactMap { $0.given(setting) }.first
      do {
        values[setting.key] = try setting.read(given[setting.key]?.text ?? setting.defaultText)
      } catch {
        let isHidden = setting.isSecret && given[setting.key]?.text.isEmpty == false
        let fault = isHidden ? "the value is not valid, and is not shown because it is secret" : "\(error)"
        throw SettingFailure("\(given[setting.key]?.place ?? setting.key): \(Redaction.masked(text: fault))")
      }
    }
    self.init(given: given, values: values)
  }

  private init(given: [String: GivenSetting], values: [String: any Sendable]) {
    self.given = given
    self.values = values
  }

  /// The declarations behind a reference. A group may have more than a hundred of them, and a copy of each is code in every function that
  /// copies what holds them.
  private final class Declarations: Sendable {
    let group = Group()
  }

  /// The value of a setting.
  package subscript<Value>(dynamicMember setting: KeyPath<Group, Setting<Value>>) -> Value {
    guard let bound = values[declarations.group[keyPath: setting].key] as? Bound<Value> else {
      preconditionFailure("a setting must be a stored property of its group")
    }
    return bound.value
  }

  /// The values of a nested group.
  package subscript<Inner: SettingGroup>(dynamicMember group: KeyPath<Group, Inner>) -> SettingValues<Inner> {
    SettingValues<Inner>(given: given, values: values)
  }

  /// The given text of a setting; `nil` if its default is in effect.
  package func given<Value>(_ setting: KeyPath<Group, Setting<Value>>) -> GivenSetting? {
    given[declarations.group[keyPath: setting].key]
  }

  /// A failure of a setting whose value conflicts with others.
  package func failure<Value>(_ setting: KeyPath<Group, Setting<Value>>, _ fault: String) -> SettingFailure {
    let declaration = declarations.group[keyPath: setting]
    let given = given[declaration.key]
    let text = declaration.isSecret ? Redaction.mask : given?.text ?? declaration.defaultText
    return SettingFailure(
      "\(given?.place ?? declaration.key): \(Redaction.masked(text: "\(SettingFault(text, fault))"))")
  }

  /// The document as text, with secrets masked.
  package var description: String { document.json() }
  package var customMirror: Mirror { Mirror(self, children: ["document": document]) }

  /// The effective settings, nested as in the file, with secrets masked.
  package var document: DocumentValue {
    var root: DocumentValue = [:]
    for setting in Group.all {
      // Kuma's mask.
      let text = setting.isSecret ? "*****" : given[setting.key]?.text ?? setting.defaultText
      let leaf: DocumentValue =
        switch text {
        case "true": true
        case "false": false
        case _ where setting.fileForm == .map: Self.map(text)
        case _ where setting.fileForm == .objects: Self.objects(text)
        default: Int64(text).map(DocumentValue.integer) ?? .string(Redaction.masked(text: text))
        }
      root.set(leaf, at: setting.key.split(separator: ".").map(String.init)[...])
    }
    return root
  }

  /// A list of objects, as in the file.
  private static func objects(_ text: String) -> DocumentValue {
    (try? DocumentValue.yamlDocuments(text))?.first { $0 != .null } ?? []
  }

  /// A map as an object, as in the file.
  private static func map(_ text: String) -> DocumentValue {
    let pairs = ((try? SettingFormat<[String: String]>.map.read(text)) ?? [:]).sorted { $0.key < $1.key }
    return .object(
      DocumentValue.Object(uniqueKeysWithValues: pairs.map { ($0.key, .string(Redaction.masked(text: $0.value))) }))
  }
}

/// The text that was given for a setting, and where.
package struct GivenSetting: Sendable, Equatable {
  /// The text.
  package let text: String
  /// The place as named in messages: a flag, a variable, or a key and its file.
  package let place: String
  /// Whether it was given on the command line.
  package let isFlag: Bool
}

extension DocumentValue {
  /// Sets a value at a path of keys and creates missing objects.
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
