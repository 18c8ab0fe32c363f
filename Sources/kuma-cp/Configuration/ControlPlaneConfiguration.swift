import Configuration
import Foundation
import Logging
import MeshModel
import MeshStorePostgres
import OrderedCollections

/// The settings of a control plane, read and checked.
struct ControlPlaneConfiguration: Sendable {
  /// Where a server listens.
  struct Endpoint: Sendable, Hashable {
    var host: String
    var port: Int
  }

  /// Where resources are kept.
  enum StoreType: String, CaseIterable, Sendable {
    case sqlite
    case postgres
    case memory
  }

  /// How log lines are written.
  enum LogFormat: String, CaseIterable, Sendable {
    case text
    case json
  }

  var api: Endpoint
  var apiReadOnly: Bool
  /// The origins whose pages may use the API.
  var apiOrigins: [String]
  /// Further names under which servers may be reached.
  var allowedHosts: [String]
  var dataplaneServer: Endpoint
  var diagnostics: Endpoint
  var store: StoreType
  /// Where the database is; in use with ``StoreType/postgres`` only.
  var postgres: PostgresConfiguration
  var workDirectory: String
  var tlsCertificateFile: String?
  var tlsKeyFile: String?
  var skipMeshCreation: Bool
  var zone: String
  var deregistrationDelay: Duration
  var collector: CollectorConfiguration?
  var logLevel: Logger.Level
  var logFormat: LogFormat
  /// The settings as they are in effect, in the form of the configuration file; served at `/config`.
  var document: DocumentValue

  /// A fault of the configuration.
  struct Failure: Error, CustomStringConvertible {
    /// Which setting is at fault, where it was given, and what to do.
    var description: String
  }

  /// Reads the settings: defaults < file < environment < flags.
  ///
  /// - Parameters:
  ///   - file: the configuration file, in YAML.
  ///   - environment: the environment's variables.
  ///   - flags: values given on the command line, by setting, each with the flag's name.
  /// - Returns: the configuration, and warnings about variables that name no setting.
  /// - Throws: ``Failure`` naming the setting.
  static func load(
    file: String?, environment: [String: String], flags: [Setting: (flag: String, value: String)]
  ) async throws -> (configuration: ControlPlaneConfiguration, warnings: [String]) {
    var sources: [SettingSource] = [.flags(flags)]
    sources.append(.environment(environment))
    if let file { sources.append(try .file(path: file)) }
    let reader = SettingReader(sources: sources)

    // Read even if it is off, so that a fault shows before it is turned on.
    let collector = try CollectorConfiguration(reader)
    let certificate = try reader.optional(.tlsCertFile)
    let key = try reader.optional(.tlsKeyFile)
    if (certificate == nil) != (key == nil) {
      let missing: Setting = certificate == nil ? .tlsCertFile : .tlsKeyFile
      throw Failure(
        description: "\(missing.key) is missing: a certificate and its key are given together (or neither)")
    }
    let configuration = ControlPlaneConfiguration(
      api: Endpoint(host: try reader.host(.apiServerInterface), port: try reader.port(.apiServerPort)),
      apiReadOnly: try reader.bool(.apiServerReadOnly), apiOrigins: try reader.origins(.apiServerAllowedOrigins),
      allowedHosts: try reader.hosts(.allowedHosts),
      dataplaneServer: Endpoint(host: try reader.host(.dpServerInterface), port: try reader.port(.dpServerPort)),
      diagnostics: Endpoint(
        host: try reader.host(.diagnosticsInterface), port: try reader.port(.diagnosticsPort)),
      store: try reader.choice(.storeType), postgres: try reader.postgres(),
      workDirectory: try reader.optional(.workDir) ?? Self.defaultWorkDirectory(environment),
      tlsCertificateFile: certificate, tlsKeyFile: key,
      skipMeshCreation: try reader.bool(.skipMeshCreation),
      zone: reader.value(.zoneName).text,
      deregistrationDelay: try reader.duration(.deregistrationDelay),
      collector: try reader.bool(.collectorEnabled) ? collector : nil,
      logLevel: try reader.choice(.logLevel), logFormat: try reader.choice(.logFormat),
      document: reader.document)
    return (configuration, SettingSource.unknownVariables(in: environment))
  }

  /// `$XDG_STATE_HOME/kuma-trace`, by default `~/.local/state/kuma-trace`.
  private static func defaultWorkDirectory(_ environment: [String: String]) -> String {
    if let state = environment["XDG_STATE_HOME"], state.hasPrefix("/") { return state + "/kuma-trace" }
    return (environment["HOME"] ?? NSHomeDirectory()) + "/.local/state/kuma-trace"
  }
}

/// One of the places where settings are given.
struct SettingSource: Sendable {
  private let reader: ConfigReader
  /// How the place names a setting in messages.
  private let name: @Sendable (Setting) -> String

  /// The command line.
  static func flags(_ flags: [Setting: (flag: String, value: String)]) -> SettingSource {
    var values: [AbsoluteConfigKey: ConfigValue] = [:]
    for (setting, given) in flags {
      values[AbsoluteConfigKey(setting.components)] = ConfigValue(.string(given.value), isSecret: false)
    }
    let names = flags.mapValues(\.flag)
    return SettingSource(reader: ConfigReader(provider: InMemoryProvider(values: values))) {
      names[$0] ?? $0.key
    }
  }

  /// The environment.
  static func environment(_ variables: [String: String]) -> SettingSource {
    SettingSource(
      reader: ConfigReader(
        provider: EnvironmentVariablesProvider(environmentVariables: variables).prefixKeys(with: "kuma"))
    ) { $0.environmentVariable }
  }

  /// A configuration file, all keys of which have to be known.
  static func file(path: String) throws -> SettingSource {
    typealias Failure = ControlPlaneConfiguration.Failure
    guard let data = FileManager.default.contents(atPath: path) else {
      throw Failure(description: "the configuration file \(path) cannot be read: check the path and its permissions")
    }
    let documents: [DocumentValue]
    do {
      documents = try DocumentValue.yamlDocuments(String(documentBytes: Array(data))).filter { $0 != .null }
    } catch {
      throw Failure(description: "the configuration file \(path) is no valid YAML: \(error)")
    }
    guard documents.count <= 1 else {
      throw Failure(description: "the configuration file \(path) holds \(documents.count) documents; one is expected")
    }
    guard let document = documents.first else {
      return SettingSource(reader: ConfigReader(provider: InMemoryProvider(values: [:]))) { $0.key }
    }
    let known = Set(Setting.all.map(\.key))
    var values: [AbsoluteConfigKey: ConfigValue] = [:]
    for (key, value) in try flatten(document, path: path) {
      guard known.contains(key) else {
        let hint = NearestName.find(key, among: known).map { "; did you mean \($0)?" } ?? ""
        throw Failure(description: "\(path): unknown key \(key)\(hint)")
      }
      if value.array != nil || value.object != nil {
        throw Failure(description: "\(path): \(key) has to be a single value, not \(value.kind)")
      }
      guard let text = value.scalarText else { continue }
      let components = key.split(separator: ".").map(String.init)
      values[AbsoluteConfigKey(components)] = ConfigValue(.string(text), isSecret: false)
    }
    // The file is read above and not by the library, whose reader of YAML converts numbers without a check.
    return SettingSource(reader: ConfigReader(provider: InMemoryProvider(values: values))) { "\($0.key) in \(path)" }
  }

  private static func flatten(_ value: DocumentValue, path: String, prefix: String = "") throws
    -> [(key: String, value: DocumentValue)]
  {
    guard case .object(let object) = value else {
      if prefix.isEmpty {
        throw ControlPlaneConfiguration.Failure(description: "\(path) has to hold keys and values, not \(value.kind)")
      }
      return [(prefix, value)]
    }
    return try object.flatMap { key, value in
      try flatten(value, path: path, prefix: prefix.isEmpty ? key : "\(prefix).\(key)")
    }
  }

  /// The value given here, with the name of the place.
  func value(_ setting: Setting) -> (text: String, place: String)? {
    reader.string(forKey: ConfigKey(setting.components)).map { ($0, name(setting)) }
  }

  /// A warning for each variable that begins like ours and names no setting.
  static func unknownVariables(in environment: [String: String]) -> [String] {
    let known = Set(Setting.all.map(\.environmentVariable))
    return environment.keys.filter { $0.hasPrefix("KUMA_") && !known.contains($0) }.sorted().map { name in
      let hint = NearestName.find(name, among: known).map { "; did you mean \($0)?" } ?? ""
      return "the environment variable \(name) names no setting and is ignored\(hint)"
    }
  }
}

extension Setting {
  var components: [String] { key.split(separator: ".").map(String.init) }
}

/// Reads settings as values, each fault naming the setting and its place.
struct SettingReader {
  let sources: [SettingSource]

  private typealias Failure = ControlPlaneConfiguration.Failure

  /// The text in effect and where it was given.
  func value(_ setting: Setting) -> (text: String, place: String) {
    for source in sources {
      if let value = source.value(setting) { return value }
    }
    return (setting.defaultValue, setting.key)
  }

  func optional(_ setting: Setting) throws -> String? {
    let text = value(setting).text
    return text.isEmpty ? nil : text
  }

  func port(_ setting: Setting) throws -> Int {
    let (text, place) = value(setting)
    guard let port = UInt16(text) else {
      throw Failure(description: "\(place): \"\(text)\" is no port; give a number from 0 to 65535")
    }
    return Int(port)
  }

  func host(_ setting: Setting) throws -> String {
    let (text, place) = value(setting)
    guard HostRules.isIP(text) || text == "localhost" else {
      throw Failure(description: "\(place): \"\(text)\" is no IP address; give one such as 127.0.0.1 or 0.0.0.0")
    }
    return text
  }

  func bool(_ setting: Setting) throws -> Bool {
    let (text, place) = value(setting)
    switch text.lowercased() {
    case "true", "1", "yes": return true
    case "false", "0", "no": return false
    default: throw Failure(description: "\(place): \"\(text)\" is neither true nor false")
    }
  }

  func choice<Choice: RawRepresentable & CaseIterable>(_ setting: Setting) throws -> Choice
  where Choice.RawValue == String {
    let (text, place) = value(setting)
    guard let choice = Choice(rawValue: text) else {
      let known = Choice.allCases.map(\.rawValue).joined(separator: ", ")
      throw Failure(description: "\(place): \"\(text)\" is not known; choose one of \(known)")
    }
    return choice
  }

  /// A duration as Kuma writes it: `10s`, `500ms`, `2m`, `1h`.
  func duration(_ setting: Setting) throws -> Duration {
    let (text, place) = value(setting)
    let units: [(suffix: String, milliseconds: Double)] = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000)]
    for unit in units where text.hasSuffix(unit.suffix) {
      if let number = Double(text.dropLast(unit.suffix.count)), number >= 0, number <= 1e6 {
        return .milliseconds(Int64(number * unit.milliseconds))
      }
    }
    if text == "0" { return .zero }
    throw Failure(description: "\(place): \"\(text)\" is no duration; give one such as 10s, 500ms or 2m")
  }

  /// Every setting in effect, nested as in the file.
  var document: DocumentValue {
    var root: DocumentValue = [:]
    for setting in Setting.all {
      // As Kuma shows it.
      let text = setting.isSecret ? "*****" : value(setting).text
      let leaf: DocumentValue =
        switch text {
        case "true": true
        case "false": false
        default: Int64(text).map(DocumentValue.integer) ?? .string(text)
        }
      root.set(leaf, at: setting.components[...])
    }
    return root
  }
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
