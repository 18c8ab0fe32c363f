import AccessHTTP
import Documents
import HTTPService
import HTTPTypes
import MeshAccess
import MeshHTTP
import ProgramSettings
import TraceHTTP

/// Who may do what at the servers over HTTP: the wiring of keys, settings and the access matrix.
struct ServerAccess: Sendable {
  /// The sessions of the collector's page.
  let sessions: Sessions
  private let configuration: ControlPlaneConfiguration
  private let keys: @Sendable () -> KeyRing
  private let rules: StaticAccess

  /// - Parameter keys: the keys by which tokens are checked.
  init(_ configuration: ControlPlaneConfiguration, keys: @escaping @Sendable () -> KeyRing) {
    self.configuration = configuration
    self.keys = keys
    rules = configuration.access.rules
    sessions = Sessions { token in keys().verifyUserToken(token, now: .now).map(\.user) }
  }

  /// The access to the HTTP API.
  func api(_ api: MeshAPI) -> HTTPAccess {
    HTTPAccess(to: .api, rules: rules, identification: users(at: configuration.api)) {
      api.operation(of: $0)
    } answer: { _, denial in
      MeshAPI.refusal(denial.status, title: denial.title, detail: denial.detail)
    }
  }

  /// The access to the collector.
  func collector() -> HTTPAccess {
    var identification = senders(at: configuration.collector?.zipkin)
    identification.sessions = sessions
    return HTTPAccess(to: .collector, rules: rules, identification: identification) {
      SignInRoutes.operation(of: $0) ?? CollectorAPI.operation(of: $0)
    } answer: {
      Self.collectorAnswer($0, $1)
    }
  }

  /// The access to the port for OpenTelemetry's exporters.
  func otlp() -> HTTPAccess {
    HTTPAccess(to: .otlp, rules: rules, identification: senders(at: configuration.collector?.otlp)) {
      CollectorAPI.operationForExporters(of: $0)
    } answer: {
      Self.collectorAnswer($0, $1)
    }
  }

  /// The access to diagnostics.
  func diagnostics() -> HTTPAccess {
    var rules = rules
    if configuration.access.opensMetrics { rules.open(.viewMetrics) }
    return HTTPAccess(to: .diagnostics, rules: rules, identification: users(at: configuration.diagnostics)) {
      DiagnosticsAPI.operation(of: $0)
    } answer: { _, denial in
      .text("\(denial.title): \(denial.detail)\n", denial.status)
    }
  }

  /// Finds users.
  private func users(at endpoint: ControlPlaneConfiguration.Endpoint?) -> CallerIdentification {
    let access = configuration.access
    var identification = CallerIdentification(localhostIsAdmin: access.localhostIsAdmin)
    // TODO(h3): whether general.unprotectedListeners has the listener.
    identification.isUnprotected = !["127.0.0.1", "::1", "localhost"].contains(endpoint?.host ?? "::1")
    identification.certificateIsAdmin = true
    if access.authenticationType == .tokens {
      identification.checkUserToken = { [keys] in keys().verifyUserToken($0, now: .now).map(\.user) }
    }
    return identification
  }

  /// Finds users and those who send spans.
  private func senders(at endpoint: ControlPlaneConfiguration.Endpoint?) -> CallerIdentification {
    var identification = users(at: endpoint)
    identification.checksLocalHost = { !CollectorAPI.acceptsAnyHost($0) }
    identification.checkIngestToken = { [keys] in keys().verifyIngestToken($0) }
    return identification
  }

  private static func collectorAnswer(_ request: HTTPRequest, _ denial: AccessDenial) -> Answer {
    CollectorAPI.refuse(request, because: denial == .unauthenticated ? .unauthenticated : .forbidden(denial.detail))
  }
}
