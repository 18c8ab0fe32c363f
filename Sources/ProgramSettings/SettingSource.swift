import Configuration
import FoundationEssentials
import MeshModel
import OrderedCollections

/// A source of settings.
package struct SettingSource: Sendable {
  private let reader: ConfigReader
  private let isFlags: Bool
  /// Under which key a setting is in this source.
  private let key: @Sendable (any AnySetting) -> [String]
  /// How messages name a setting of this source; `nil` for a setting that this source cannot set.
  private let place: @Sendable (any AnySetting) -> String?

  private init(
    _ provider: any ConfigProvider, isFlags: Bool = false,
    key: @escaping @Sendable (any AnySetting) -> [String] = { SettingSource.components($0.key) },
    place: @escaping @Sendable (any AnySetting) -> String?
  ) {
    reader = ConfigReader(provider: provider)
    self.isFlags = isFlags
    self.key = key
    self.place = place
  }

  /// The command line.
  ///
  /// - Parameter values: the texts by the settings' keys.
  package static func flags(_ values: [String: String]) -> SettingSource {
    SettingSource(provider(values.map { ($0.key, $0.value) }), isFlags: true) { $0.flag?.name ?? $0.key }
  }

  /// The environment.
  package static func environment(_ variables: [String: String]) -> SettingSource {
    SettingSource(
      EnvironmentVariablesProvider(environmentVariables: variables),
      // The provider makes the variable of a key, and not every variable is that of its setting's key.
      key: { ($0.environmentVariable ?? "").lowercased().split(separator: "_").map(String.init) },
      place: { $0.environmentVariable })
  }

  /// A configuration file in YAML. An unknown key is an error.
  package static func file(path: String, of settings: [any AnySetting]) throws(SettingFailure) -> SettingSource {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw SettingFailure("the configuration file \(path) cannot be read: check the path and its permissions")
    }
    let documents: [DocumentValue]
    do {
      documents = try DocumentValue.yamlDocuments(String(documentBytes: Array(data))).filter { $0 != .null }
    } catch {
      throw SettingFailure("the configuration file \(path) is not valid YAML: \(error)")
    }
    guard documents.count <= 1 else {
      throw SettingFailure("the configuration file \(path) holds \(documents.count) documents; one is expected")
    }
    let forms = Dictionary(settings.map { ($0.key, $0.fileForm) }) { first, _ in first }
    var values: [(String, String)] = []
    if let document = documents.first {
      for (key, value) in try flatten(document, path, forms) {
        guard let form = forms[key] else {
          let within = OrderedSet(
            settings.map(\.key).filter { $0.hasPrefix("\(key).") }.map {
              $0.dropFirst(key.count + 1).prefix { $0 != "." }
            })
          if !within.isEmpty {
            if value == .null { continue }
            let keys = within.prefix(5).joined(separator: ", ") + (within.count > 5 ? ", …" : "")
            throw SettingFailure("\(path): \(key) has to hold keys and values (\(keys)), not \(value.kind)")
          }
          let hint = NearestName.find(key, among: forms.keys).map { "; did you mean \($0)?" } ?? ""
          throw SettingFailure("\(path): unknown key \(key)\(hint)")
        }
        if let text = try text(of: value, as: form, "\(path): \(key)") { values.append((key, text)) }
      }
    }
    // The file is parsed above, because the library's YAML provider converts numbers without a check.
    return SettingSource(provider(values)) { "\($0.key) in \(path)" }
  }

  private static func provider(_ values: [(key: String, text: String)]) -> InMemoryProvider {
    InMemoryProvider(
      values: Dictionary(
        uniqueKeysWithValues: values.map { key, text in
          (AbsoluteConfigKey(components(key)), ConfigValue(.string(text), isSecret: false))
        }))
  }

  private static func components(_ key: String) -> [String] { key.split(separator: ".").map(String.init) }

  /// A value of a file as a setting's text; `nil` for none.
  private static func text(
    of value: DocumentValue, as form: SettingFileForm, _ place: String
  ) throws(SettingFailure) -> String? {
    switch (form, value) {
    case (.list, .array(let items)):
      let texts = items.compactMap(\.scalarText)
      guard texts.count == items.count else { throw SettingFailure("\(place) has to be a list of single values") }
      if let text = texts.first(where: { $0.contains(",") }) {
        throw SettingFailure("\(place): \(text.quoted) has a comma; items of the list are separated by commas")
      }
      if texts.contains(where: { $0.allSatisfy(\.isWhitespace) }) {
        throw SettingFailure("\(place) has an empty item; write a value there or leave the item out")
      }
      return texts.joined(separator: ",")
    case (.map, .object(let object)):
      guard object.values.allSatisfy({ $0.scalarText != nil }) else {
        throw SettingFailure("\(place) has to be an object of single values")
      }
      return DocumentValue.object(object.mapValues { .string($0.scalarText ?? "") }).json()
    case (.objects, .array): return value.json()
    case (_, .array), (_, .object):
      let also =
        form == .list ? " or a list" : form == .map ? " or an object" : form == .objects ? " or a list of objects" : ""
      throw SettingFailure("\(place) has to be a single value\(also), not \(value.kind)")
    default: return value.scalarText
    }
  }

  /// The values of a file by the keys of settings.
  private static func flatten(
    _ value: DocumentValue, _ path: String, _ forms: [String: SettingFileForm], prefix: String = ""
  ) throws(SettingFailure) -> [(key: String, value: DocumentValue)] {
    guard case .object(let object) = value, forms[prefix] == nil else {
      if prefix.isEmpty { throw SettingFailure("\(path) has to hold keys and values, not \(value.kind)") }
      return [(prefix, value)]
    }
    var entries: [(key: String, value: DocumentValue)] = []
    for (key, value) in object {
      entries += try flatten(value, path, forms, prefix: prefix.isEmpty ? key : "\(prefix).\(key)")
    }
    return entries
  }

  /// The text of a setting in this source, if it has one.
  func given(_ setting: any AnySetting) -> GivenSetting? {
    guard let place = place(setting), let text = reader.string(forKey: ConfigKey(key(setting))) else {
      return nil
    }
    return GivenSetting(text: text, place: place, isFlag: isFlags)
  }

  /// A warning for each variable that has the prefix of the program's variables but names no setting.
  ///
  /// Kubernetes puts variables about every Service of the namespace into a container, such as
  /// `KUMA_CONTROL_PLANE_SERVICE_HOST` for a Service kuma-control-plane. There are no warnings about these.
  package static func unknownVariables(in environment: [String: String], of settings: [any AnySetting]) -> [String] {
    let known = Set(settings.compactMap(\.environmentVariable))
    let suffix = "_SERVICE_HOST"
    let services = environment.keys.filter { $0.hasSuffix(suffix) }.map { $0.dropLast(suffix.count) }
    func isAboutService(_ name: String) -> Bool {
      services.contains { name.hasPrefix("\($0)_SERVICE_") || name.hasPrefix("\($0)_PORT") }
    }
    let unknown = environment.keys.filter {
      $0.hasPrefix("KUMA_") && !known.contains($0) && !isAboutService($0)
    }
    return unknown.sorted().map { name in
      let hint = NearestName.find(name, among: known).map { "; did you mean \($0)?" } ?? ""
      return "the environment variable \(name) names no setting and is ignored\(hint)"
    }
  }
}
