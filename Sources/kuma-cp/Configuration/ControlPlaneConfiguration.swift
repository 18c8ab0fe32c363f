import Foundation
import Logging
import MeshAccess
import MeshModel
import MeshStorePostgres
import OrderedCollections
import ProgramSettings

/// The validated settings of a control plane. Every setting is a field, such as `configuration.zone`.
@dynamicMemberLookup
struct ControlPlaneConfiguration: Sendable {
  /// The address and port of a server.
  struct Endpoint: Sendable, Hashable {
    var host: String
    var port: Int
  }

  /// A server that a setting can open to the network without protection.
  enum Listener: String, CaseIterable, Sendable {
    case api
    case dataplane
    case collector
    case otlp
  }

  /// The kinds of resource stores.
  enum StoreType: String, CaseIterable, Sendable {
    case sqlite
    case postgres
    case memory
    case kubernetes
  }

  /// Where control planes run.
  enum Environment: String, CaseIterable, Sendable {
    case universal
    case kubernetes
  }

  /// How proxies prove who they are.
  enum ProxyAuthentication: String, CaseIterable, Sendable {
    /// They do not.
    case none
    /// With a dataplane token, which a signing key of their mesh has signed.
    case dpToken
    /// With the token of the service account of their pod, which the API server checks.
    case serviceAccountToken
  }

  /// The formats of log lines.
  enum LogFormat: String, CaseIterable, Sendable {
    case text
    case json
  }

  private let settings: SettingValues<ControlPlaneSettings>
  /// The database of ``StoreType/postgres``.
  let postgres: PostgresConfiguration
  let workDirectory: String
  /// Where the control plane runs.
  let environment: Environment
  /// Whether the HTTP API refuses writes.
  let apiReadOnly: Bool
  /// How proxies prove who they are.
  let proxyAuthentication: ProxyAuthentication
  /// Which keys verify tokens.
  let tokenValidation: TokenValidation
  /// The effective settings in the form of the configuration file; served at `/config`.
  var document: DocumentValue {
    var document = settings.document.object ?? [:]
    document["environment"] = .string(environment.rawValue)
    var api = document["apiServer"]?.object ?? [:]
    api["readOnly"] = .bool(apiReadOnly)
    document["apiServer"] = .object(api)
    var server = document["dpServer"]?.object ?? [:]
    var authentication = server["authn"]?.object ?? [:]
    var proxies = authentication["dpProxy"]?.object ?? [:]
    proxies["type"] = .string(proxyAuthentication.rawValue)
    authentication["dpProxy"] = .object(proxies)
    server["authn"] = .object(authentication)
    document["dpServer"] = .object(server)
    return .object(document)
  }

  /// The log level of the line for each HTTP request.
  var requestLogLevel: Logger.Level { settings.logsRequests ? .info : .debug }

  var api: Endpoint { Endpoint(host: settings.apiInterface, port: settings.apiPort) }
  /// The settings of the HTTPS API.
  var apiEncryption: SettingValues<APIEncryptionSettings> { settings.apiEncryption }
  /// The endpoint of the HTTPS API; `nil` for none.
  var secureAPI: Endpoint? {
    apiEncryption.enabled ? Endpoint(host: apiEncryption.interface, port: apiEncryption.port) : nil
  }
  var dataplaneServer: Endpoint { Endpoint(host: settings.dataplaneInterface, port: settings.dataplanePort) }
  var diagnostics: Endpoint { Endpoint(host: settings.diagnosticsInterface, port: settings.diagnosticsPort) }
  /// The collector; `nil` if it is disabled.
  var collector: CollectorConfiguration? {
    settings.collector.enabled ? settings.collector : nil
  }

  /// The database of spans, also where the collector is disabled.
  var traceDatabase: String {
    settings.collector.database(in: URL(filePath: workDirectory, directoryHint: .isDirectory))
  }

  /// The settings of who may do what over HTTP.
  var access: SettingValues<AccessSettings> { settings.access }

  /// The settings of what clients may use.
  var limits: SettingValues<LimitSettings> { settings.limits }

  /// The settings of a control plane on Kubernetes.
  var kubernetes: SettingValues<KubernetesSettings> { settings.kubernetes }

  /// The names under which the control plane is reached from inside its cluster; none elsewhere.
  var serviceNames: [String] {
    guard environment == .kubernetes else { return [] }
    return ClusterService.names(kubernetes.controlPlaneServiceName, namespace: kubernetes.systemNamespace)
  }

  subscript<Value>(dynamicMember setting: KeyPath<ControlPlaneSettings, Setting<Value>>) -> Value {
    settings[dynamicMember: setting]
  }

  /// Loads the settings: defaults < file < environment < flags.
  ///
  /// - Parameters:
  ///   - file: the configuration file, in YAML.
  ///   - environment: the environment's variables.
  ///   - flags: values from the command line, by the settings' keys.
  /// - Returns: the configuration, and warnings about variables that name no setting.
  /// - Throws: ``SettingFailure`` with the setting's name.
  static func load(
    file: String?, environment: [String: String], flags: [String: String]
  ) throws(SettingFailure) -> (configuration: ControlPlaneConfiguration, warnings: [String]) {
    let all = ControlPlaneSettings.all
    var sources: [SettingSource] = [.flags(flags), .environment(environment)]
    if let file { sources.append(try .file(path: file, of: all)) }
    var settings = try SettingValues<ControlPlaneSettings>(sources)
    // Proxies show the collector their token over TLS alone, also on this machine where it asks for one.
    if !settings.access.localhostIsAdmin, settings.collector.tlsEnabled == nil {
      sources.append(.flags([CollectorSettings.key(\.tlsEnabled): "true"]))
      settings = try SettingValues<ControlPlaneSettings>(sources)
    }
    try settings.requireBoth(\.tlsCertificateFile, \.tlsKeyFile)
    try settings.apiEncryption.requireBoth(\.certificateFile, \.keyFile)
    try settings.kubernetes.check()
    let place = try Self.environment(settings)
    let configuration = ControlPlaneConfiguration(
      settings: settings, postgres: try PostgresConfiguration(settings.postgres),
      workDirectory: settings.workDir ?? defaultWorkDirectory(environment), environment: place,
      apiReadOnly: settings.apiReadOnly ?? (place == .kubernetes),
      proxyAuthentication: try Self.proxyAuthentication(settings, in: place),
      tokenValidation: try settings.tokenValidation.validation())
    return (configuration, SettingSource.unknownVariables(in: environment, of: all))
  }

  /// Where the control plane runs: custom resources and Kubernetes belong together.
  private static func environment(
    _ settings: SettingValues<ControlPlaneSettings>
  ) throws(SettingFailure) -> Environment {
    let derived: Environment = settings.store == .kubernetes ? .kubernetes : .universal
    let given = settings.environment ?? derived
    guard given == derived else {
      throw settings.failure(
        \.environment,
        given == .kubernetes
          ? "needs the resources of the cluster; set \(ControlPlaneSettings.key(\.store)) to kubernetes"
          : "does not go with \(ControlPlaneSettings.key(\.store)) kubernetes; set it to kubernetes, or leave it out")
    }
    return given
  }

  /// How proxies prove who they are: only a cluster has service accounts. Outside of clusters, a server that only this machine
  /// reaches asks for nothing.
  private static func proxyAuthentication(
    _ settings: SettingValues<ControlPlaneSettings>, in environment: Environment
  ) throws(SettingFailure) -> ProxyAuthentication {
    guard environment == .universal else { return settings.proxyAuthentication ?? .serviceAccountToken }
    guard settings.proxyAuthentication != .serviceAccountToken else {
      throw settings.failure(
        \.proxyAuthentication,
        "needs a cluster, which checks the tokens; set it to dpToken or none, or leave it out")
    }
    return settings.proxyAuthentication
      ?? (HostRules.isLoopbackListener(settings.dataplaneInterface) ? .none : .dpToken)
  }

  /// `$XDG_STATE_HOME/kuma-trace`, by default `~/.local/state/kuma-trace`.
  private static func defaultWorkDirectory(_ environment: [String: String]) -> String {
    if let state = environment["XDG_STATE_HOME"], state.hasPrefix("/") { return state + "/kuma-trace" }
    return (environment["HOME"] ?? NSHomeDirectory()) + "/.local/state/kuma-trace"
  }
}
