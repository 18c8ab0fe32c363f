import AccessHTTP
import Documents
import HTTPService
import HTTPTypes
import Logging
import MeshAccess
import MeshHTTP
import ProgramSettings
import TraceHTTP

/// Who may do what at the servers over HTTP: the wiring of keys, settings and the access matrix.
struct ServerAccess: Sendable {
  /// The sessions of the collector's page.
  let sessions: Sessions
  /// What the canary shows the collector.
  let canaryToken = CanaryToken()
  private let configuration: ControlPlaneConfiguration
  private let keys: @Sendable () -> KeyRing
  private let rules: StaticAccess
  /// Checks user tokens; nil where they do not count.
  private let checkUserToken: CallerIdentification.UserTokenCheck?
  /// Further tokens for spans.
  private let ingestTokens: IngestTokenFile?

  /// - Parameter keys: the keys by which tokens are checked.
  /// - Throws: ``SettingFailure`` if the file with tokens for spans cannot be used.
  init(
    _ configuration: ControlPlaneConfiguration, logger: Logger, keys: @escaping @Sendable () -> KeyRing
  ) throws(SettingFailure) {
    self.configuration = configuration
    self.keys = keys
    rules = configuration.access.rules
    var check: CallerIdentification.UserTokenCheck?
    if configuration.access.authenticationType == .tokens {
      check = { keys().verifyUserToken($0, now: .now).map(\.user) }
    }
    checkUserToken = check
    sessions = Sessions { [check] in
      check?($0) ?? .failure(.malformed("user tokens do not count: only client certificates do"))
    }
    do throws(IngestTokenFile.Fault) {
      ingestTokens = try configuration.collector?.ingestTokensFile.map { path throws(IngestTokenFile.Fault) in
        try IngestTokenFile(path: path, logger: logger)
      }
    } catch {
      throw SettingFailure("\(CollectorSettings.key(\.ingestTokensFile)): \(error)")
    }
  }

  /// The access to the HTTP API.
  ///
  /// - Parameter isSecure: whether it is the API over HTTPS, which is never open on purpose.
  func api(_ api: MeshAPI, isSecure: Bool) -> HTTPAccess {
    HTTPAccess(to: .api, rules: rules, identification: users(at: isSecure ? nil : .api)) {
      api.operation(of: $0)
    } answer: { _, denial in
      MeshAPI.refusal(denial.status, title: denial.title, detail: denial.detail)
    }
  }

  /// The access to the collector.
  func collector() -> HTTPAccess {
    var identification = senders(at: .collector)
    identification.sessions = sessions
    identification.findSelf = { [canaryToken] in canaryToken.user(of: $0) }
    var rules = rules
    for permission in [Permission.ingestSpans, .readTraces] { rules.give(permission, to: CanaryToken.user) }
    return HTTPAccess(to: .collector, rules: rules, identification: identification) {
      SignInRoutes.operation(of: $0) ?? CollectorAPI.operation(of: $0)
    } answer: {
      Self.collectorAnswer($0, $1)
    }
  }

  /// The access to the port for OpenTelemetry's exporters.
  func otlp() -> HTTPAccess {
    HTTPAccess(to: .otlp, rules: rules, identification: senders(at: .otlp)) {
      CollectorAPI.operationForExporters(of: $0)
    } answer: {
      Self.collectorAnswer($0, $1)
    }
  }

  /// The access to diagnostics.
  func diagnostics() -> HTTPAccess {
    var rules = rules
    if configuration.access.opensMetrics { rules.open(.viewMetrics) }
    var access = HTTPAccess(to: .diagnostics, rules: rules, identification: users(at: nil)) {
      DiagnosticsAPI.operation(of: $0)
    } answer: { _, denial in
      .text("\(denial.title): \(denial.detail)\n", denial.status)
    }
    // Probes come without TLS.
    access.needsTLS = true
    return access
  }

  /// Finds users.
  private func users(at listener: ControlPlaneConfiguration.Listener?) -> CallerIdentification {
    let access = configuration.access
    var identification = CallerIdentification(localhostIsAdmin: access.localhostIsAdmin)
    identification.isUnprotected = listener.map(configuration.unprotectedListeners.contains) ?? false
    identification.certificateIsAdmin = certificatesAreAdministrators
    identification.checkUserToken = checkUserToken
    return identification
  }

  /// Whether a client certificate makes an administrator. One that an authority in `tlsCaFile` has signed lets a connection in, and,
  /// beside tokens, says no more: the directory holds those who may do everything.
  private var certificatesAreAdministrators: Bool {
    let settings = configuration.apiEncryption
    return configuration.access.authenticationType != .tokens
      || (settings.clientCertificateFolder != nil && settings.clientAuthorityFile == nil)
  }

  /// Finds users and those who send spans.
  private func senders(at listener: ControlPlaneConfiguration.Listener) -> CallerIdentification {
    var identification = users(at: listener)
    identification.checksLocalHost = { !CollectorAPI.acceptsAnyHost($0) }
    identification.checkIngestToken = { [keys, ingestTokens] in
      keys().verifyIngestToken($0) ?? ingestTokens?.mesh(of: $0)
    }
    return identification
  }

  private static func collectorAnswer(_ request: HTTPRequest, _ denial: AccessDenial) -> Answer {
    CollectorAPI.refuse(request, because: denial == .unauthenticated ? .unauthenticated : .forbidden(denial.detail))
  }
}
