import MeshClient
import MeshModel

/// Everything that a run is told, read and checked.
struct LaunchConfiguration: Sendable {
  /// The proxy's mesh.
  var mesh: String
  /// The proxy's name.
  var name: String
  /// The Dataplane that the proxy brings along; `nil` when the control plane has it.
  var definition: DataplaneDefinition?
  /// The control plane's data plane server.
  var controlPlane: ControlPlaneAddress
  /// The authority, in PEM, by which the control plane is verified; `nil` for no verification.
  var caCertificate: String?
  /// The token by which the proxy proves who it is; `nil` for none.
  var token: DataplaneToken?
  /// How long the control plane may be out of reach.
  var retry: BootstrapFetcher.Retry
  /// Envoy's executable, where it is named.
  var binary: SettingReader.Value?
  /// The directory for Envoy's configuration; `nil` for a temporary one.
  var configDirectory: String?
  /// The number of Envoy's worker threads; `nil` for Envoy's choice.
  var concurrency: UInt32?
  /// How long requests in flight may take at the end.
  var drainTime: Duration
  /// The same in whole seconds, as Envoy takes it.
  var drainSeconds: Int64 {
    let (seconds, attoseconds) = drainTime.components
    return attoseconds > 0 ? seconds &+ 1 : seconds
  }
  /// The port of Envoy's administration interface; 0 for none, `nil` for the control plane's choice.
  var adminPort: UInt16?
  /// How much is logged.
  var logLevel: LogLevel
  /// How much Envoy logs, in Envoy's word.
  var envoyLogLevel: String

  /// Source of the text: Kuma 1.1.
  static let namedTwice =
    "--name and --mesh cannot be specified when dataplane definition is provided. Mesh and name will be read from the "
    + "dataplane definition."

  /// Reads the settings and the files that they name.
  ///
  /// - Parameter variables: what is filled into the definition, each in the form `name=value`.
  /// - Throws: ``LaunchFailure`` naming the option, variable, file or field that is at fault.
  init(_ settings: SettingReader, variables: [String]) throws(LaunchFailure) {
    try Self.refuseForeign(settings)
    definition = try Self.definition(settings, variables)
    if let resource = definition?.resource {
      let named = [Setting.name, .mesh].compactMap { settings.value($0) }
      if let first = named.first {
        throw LaunchFailure(
          .badSetting, first.isOption ? Self.namedTwice : "\(Self.namedTwice) (\(first.place) is set)")
      }
      mesh = resource.mesh
      name = resource.name
    } else {
      guard let named = settings.value(.name) else {
        throw LaunchFailure(
          .badSetting,
          "no Dataplane: give one with --dataplane-file or --dataplane, or name one that the control plane has with "
            + "--name")
      }
      name = named.text
      mesh = settings.value(.mesh)?.text ?? "default"
      try Self.check(name: name, mesh: mesh)
    }
    controlPlane = try Self.address(settings)
    caCertificate = try Self.caCertificate(settings)
    token = try DataplaneToken(settings)
    retry = BootstrapFetcher.Retry(
      backoff: try settings.read(.retryBackoff, Self.positiveDuration, Self.positive) ?? .seconds(3),
      limit: try settings.read(.retryLimit, Self.positiveDuration, Self.positive) ?? .seconds(300))
    binary = settings.value(.binaryPath)
    configDirectory = settings.value(.configDirectory)?.text
    // Kuma counts 0 as not given.
    let threads = try settings.read(.concurrency, "a number of threads from 0 to 4294967295") { UInt32($0) }
    concurrency = threads == 0 ? nil : threads
    drainTime = try settings.read(.drainTime, Self.duration) { Duration(goText: $0) } ?? .seconds(30)
    adminPort = try settings.read(.adminPort, "a port from 0 to 65535") { UInt16($0) }
    let levels = LogLevel.allCases.map(\.rawValue).joined(separator: ", ")
    let level = try settings.read(.logLevel, "one of \(levels)") { LogLevel(rawValue: $0) }
    logLevel = level ?? .info
    let ofEnvoy = LogLevel.ofEnvoy
    envoyLogLevel =
      try settings.read(.envoyLogLevel, "one of \(ofEnvoy.joined(separator: ", "))") { ofEnvoy.contains($0) ? $0 : nil }
      ?? level?.rawValue ?? "warning"
  }

  private static let duration = "a duration such as 500ms, 30s or 1m30s"
  private static let positiveDuration = duration + ", above 0"

  private static func positive(_ text: String) -> Duration? {
    Duration(goText: text).flatMap { $0 > .zero ? $0 : nil }
  }

  /// Refuses what Kuma's program does and this one does not.
  private static func refuseForeign(_ settings: SettingReader) throws(LaunchFailure) {
    if let type = settings.value(.proxyType), type.text != "dataplane" {
      throw LaunchFailure(
        .badSetting, "\(type.place) can only be \"dataplane\", not \"\(type.text)\": there are no zone proxies here")
    }
    if let dns = settings.value(.dns), dns.text.lowercased() != "false" {
      throw LaunchFailure(.badSetting, "\(dns.place) can only be false: this kuma-dp has no DNS server")
    }
  }

  private static func definition(
    _ settings: SettingReader, _ variables: [String]
  ) throws(LaunchFailure) -> DataplaneDefinition? {
    guard let (setting, value) = try settings.oneOf(.dataplaneFile, .dataplane) else {
      guard variables.isEmpty else {
        throw LaunchFailure(
          .badSetting, "--dataplane-var fills in a definition: give one with --dataplane-file or --dataplane")
      }
      return nil
    }
    let values: [String: String]
    do {
      values = try VariableTemplate.variables(variables)
    } catch {
      throw LaunchFailure(.badSetting, "--dataplane-var: \(error)", cause: error)
    }
    guard setting == .dataplaneFile else {
      return try DataplaneDefinition(value.text, source: value.place, variables: values)
    }
    let source = value.text == "-" ? "standard input" : value.text
    let bytes = value.text == "-" ? FileAccess.readStandardInput() : FileAccess.read(value.text)
    return try DataplaneDefinition(try text(bytes, of: value), source: source, variables: values)
  }

  private static func check(name: String, mesh: String) throws(LaunchFailure) {
    let resource = Resource(mesh: mesh, name: name, spec: .dataplane(Dataplane(networking: nil)))
    guard let violation = NameRules.violations(ofProxy: resource).first else { return }
    throw LaunchFailure(.badSetting, "--\(violation.field): \(violation.message)")
  }

  private static func address(_ settings: SettingReader) throws(LaunchFailure) -> ControlPlaneAddress {
    let standard = "https://localhost:5678"
    let value = settings.value(.controlPlaneAddress)
    do {
      return try ControlPlaneAddress(value?.text ?? standard)
    } catch {
      throw LaunchFailure(
        .badSetting,
        "\(value?.place ?? "--cp-address") has to be an address such as \(standard), not \"\(value?.text ?? standard)\": "
          + error.reason, cause: error)
    }
  }

  private static func caCertificate(_ settings: SettingReader) throws(LaunchFailure) -> String? {
    // The text wins over the file, but an option over both. Source: Kuma 2.7.
    let file = settings.value(.caCertificateFile)
    let given = file?.isOption == true ? file : settings.value(.caCertificate) ?? file
    guard let given else { return nil }
    let text = given == file ? try text(FileAccess.read(given.text), of: given) : given.text
    guard text.contains("-----BEGIN CERTIFICATE-----") else {
      throw LaunchFailure(.unreadableFile, "\(given.place): there is no certificate in PEM form in it")
    }
    return text
  }

  /// The text of a file that a setting names.
  static func text(
    _ read: Result<[UInt8], FileAccess.Failure>, of value: SettingReader.Value
  ) throws(LaunchFailure) -> String {
    switch read {
    case .failure(let failure): throw LaunchFailure(.unreadableFile, "\(value.place): \(failure)", cause: failure)
    case .success(let bytes):
      do {
        return try String(documentBytes: bytes)
      } catch {
        throw LaunchFailure(.unreadableFile, "\(value.place): \(value.text): \(error)", cause: error)
      }
    }
  }
}
