import MeshClient
import MeshModel
import ProgramSettings
import SystemErrors

/// When an attempt to get a bootstrap is repeated. Source of the defaults: Kuma 1.1 to 2.7.
struct BootstrapRetry: Sendable, Equatable {
  /// The time between two attempts.
  var backoff: Duration = .seconds(3)
  /// No attempt starts after this time.
  var limit: Duration = .seconds(300)
}

/// The configuration of a run, parsed and validated.
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
  var retry: BootstrapRetry
  /// Envoy's executable, where it is named.
  var binary: GivenSetting?
  /// The directory for Envoy's configuration; `nil` for a temporary one.
  var configDirectory: String?
  /// The number of Envoy's worker threads; `nil` for Envoy's choice.
  var concurrency: UInt32?
  /// Whether the proxy runs in a pod, which the kubelet kills after a time.
  var isInPod: Bool
  /// How long requests in flight may take at the end; in a pod, with sending their spans.
  var drainTime: Duration
  /// The same in whole seconds, as Envoy takes it.
  var drainSeconds: Int64 {
    let (seconds, attoseconds) = drainTime.components
    return attoseconds > 0 ? seconds &+ 1 : seconds
  }
  /// The port of Envoy's administration interface; 0 for none, `nil` for the control plane's choice.
  var adminPort: UInt16?
  /// Whether the control plane is told what Envoy counts of tracing.
  var tellsEvidence: Bool
  /// How much is logged.
  var logLevel: LogLevel
  /// How much Envoy logs, in Envoy's word.
  var envoyLogLevel: String
  /// The same for single components of Envoy, in the form of its option; `nil` for none.
  var envoyComponentLogLevel: String?

  /// Source of the text: Kuma 1.1.
  static let namedTwice =
    "--name and --mesh cannot be specified when dataplane definition is provided. Mesh and name will be read from the "
    + "dataplane definition."

  /// Reads the settings and the files that they name.
  ///
  /// - Parameters:
  ///   - variables: what is filled into the definition, each in the form `name=value`.
  ///   - podName: the name of the pod's Dataplane, for a proxy that is given neither a definition nor a name.
  /// - Throws: ``LaunchFailure`` naming the option, variable, file or field that is at fault.
  init(
    _ settings: SettingValues<DataplaneSettings>, variables: [String], podName: String? = nil
  ) throws(LaunchFailure) {
    isInPod = podName != nil
    try Self.refuseForeign(settings, isInPod: podName != nil)
    definition = try Self.definition(settings, variables)
    if let resource = definition?.resource {
      if let first = settings.given(\.name) ?? settings.given(\.mesh) {
        throw LaunchFailure(
          .badSetting, first.isFlag ? Self.namedTwice : "\(Self.namedTwice) (\(first.place) is set)")
      }
      mesh = resource.mesh
      name = resource.name
    } else {
      guard let name = settings.name ?? podName else {
        throw LaunchFailure(
          .badSetting,
          "no Dataplane: give one with --dataplane-file or --dataplane, or name one that the control plane has with "
            + "--name, or with POD_NAME and POD_NAMESPACE in a pod")
      }
      self.name = name
      mesh = settings.mesh
      try Self.check(name: name, mesh: mesh)
    }
    controlPlane = settings.controlPlane
    caCertificate = try Self.caCertificate(settings)
    token = try DataplaneToken(settings)
    if token != nil { try Self.checkSecrecy(of: controlPlane) }
    retry = BootstrapRetry(backoff: settings.retryBackoff, limit: settings.retryLimit)
    binary = settings.given(\.binaryPath)
    configDirectory = settings.configDirectory
    concurrency = settings.concurrency
    drainTime = settings.drainTime
    adminPort = settings.adminPort
    tellsEvidence = settings.evidence
    logLevel = settings.logLevel
    envoyComponentLogLevel = settings.envoyComponentLogLevel
    envoyLogLevel = settings.envoyLogLevel ?? settings.given(\.logLevel)?.text ?? "warning"
  }

  /// Refuses what Kuma's program does and this one does not.
  private static func refuseForeign(
    _ settings: SettingValues<DataplaneSettings>, isInPod: Bool
  ) throws(LaunchFailure) {
    if let type = settings.given(\.proxyType), type.text != "dataplane" {
      throw LaunchFailure(
        .badSetting, "\(type.place) can only be \"dataplane\", not \"\(type.text)\": there are no zone proxies here")
    }
    // On a machine the variable may be there for Kuma's kuma-dp. In a pod, rules would lead requests for names to a port where
    // nobody answers.
    if let dns = settings.given(\.dns), dns.isFlag || isInPod, dns.text.lowercased() != "false" {
      throw LaunchFailure(.badSetting, "\(dns.place) can only be false: this kuma-dp has no DNS server")
    }
  }

  private static func definition(
    _ settings: SettingValues<DataplaneSettings>, _ variables: [String]
  ) throws(LaunchFailure) -> DataplaneDefinition? {
    guard let (setting, value) = try settings.oneOf(\.dataplaneFile, \.dataplane) else {
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
    guard setting == \.dataplaneFile else {
      return try DataplaneDefinition(value.text, source: value.place, variables: values)
    }
    let source = value.text == "-" ? "standard input" : value.text
    let bytes = value.text == "-" ? FileAccess.readStandardInput() : FileAccess.read(value.text)
    return try DataplaneDefinition(try text(bytes, of: value), source: source, variables: values)
  }

  /// Refuses to send a token over a network where everybody can read it.
  private static func checkSecrecy(of controlPlane: ControlPlaneAddress) throws(LaunchFailure) {
    guard !controlPlane.isSecure, !HostRules.isLoopback(controlPlane.host) else { return }
    throw LaunchFailure(
      .badSetting,
      "--cp-address: \(controlPlane) would send the token in clear text; start the address with https://, and name the "
        + "control plane's certificate authority with --ca-cert-file")
  }

  private static func check(name: String, mesh: String) throws(LaunchFailure) {
    let resource = Resource(mesh: mesh, name: name, spec: .dataplane(Dataplane(networking: nil)))
    guard let violation = NameRules.violations(ofProxy: resource).first else { return }
    throw LaunchFailure(.badSetting, "--\(violation.field): \(violation.message)")
  }

  private static func caCertificate(_ settings: SettingValues<DataplaneSettings>) throws(LaunchFailure) -> String? {
    // The text wins over the file, but an option over both. Source: Kuma 2.7.
    let file = settings.given(\.caCertificateFile)
    let given = file?.isFlag == true ? file : settings.given(\.caCertificate) ?? file
    guard let given else { return nil }
    let text = given == file ? try text(FileAccess.read(given.text), of: given) : given.text
    guard text.contains("-----BEGIN CERTIFICATE-----") else {
      throw LaunchFailure(.unreadableFile, "\(given.place): it contains no certificate in PEM form")
    }
    return text
  }

  /// The text of a file that a setting names.
  static func text(
    _ read: Result<[UInt8], FileAccess.Failure>, of value: GivenSetting
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
