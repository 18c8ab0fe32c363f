package import HTTPService
package import HTTPTypes
package import Logging
import MeshModel
package import MeshXDS

/// Answers `POST /bootstrap` on the data plane server's port: translates between HTTP and ``BootstrapEndpoint``.
package struct BootstrapResponder: Sendable {
  /// What proxies are told about the server's certificate.
  package struct Identity: Sendable {
    /// Its names and addresses; `nil` if they are not known.
    package var names: Set<String>?
    /// What proxies that bring no authority have to trust, as PEM; empty where the control plane has not made the certificate, since
    /// proxies keep it for years.
    package var authority: String

    /// Makes a description.
    package init(names: Set<String>?, authority: String) {
      self.names = names
      self.authority = authority
    }
  }

  private let resources: BootstrapEndpoint.Resources
  private let identity: @Sendable () -> Identity
  private let authenticator: (any ProxyAuthenticating)?
  private let refusals = RefusalLog(server: DataplaneServer.name)
  private let logger: Logger
  private let port: @Sendable () -> Int?
  /// How often Envoys send their statistics whose `kuma-dp` does not tell them; `nil` for never.
  package var metricsInterval: Duration?

  /// - Parameters:
  ///   - resources: the store of meshes and Dataplanes.
  ///   - identity: describes the server's newest certificate.
  ///   - authenticator: checks which proxy asks; `nil` where nobody has to prove anything.
  ///   - logger: takes the reasons of refusals, which answers do not say.
  ///   - port: the port of the data plane server; `nil` before it listens.
  package init(
    resources: BootstrapEndpoint.Resources, identity: @escaping @Sendable () -> Identity,
    authenticator: (any ProxyAuthenticating)? = nil, logger: Logger, port: @escaping @Sendable () -> Int?
  ) {
    self.resources = resources
    self.identity = identity
    self.authenticator = authenticator
    self.logger = logger
    self.port = port
  }

  static let operation = Operation(.post, "/bootstrap", "Returns the configuration with which an Envoy starts.")

  /// Answers a request. Its scheme is `https` for a TLS connection.
  package func respond(to request: HTTPRequest, body: [UInt8], from caller: Caller) async -> Answer {
    let bootstrap = await endpoint.respond(
      to: BootstrapEndpoint.Input(
        host: request.authority ?? "", isTLS: request.scheme == "https",
        accept: request.headerFields[.accept] ?? "", body: body))
    if let reason = bootstrap.refusalReason {
      refusals.note(reason.printable(atMost: 1_000), operation: Self.operation.name, caller: caller, to: logger)
    }
    var answer = Answer(HTTPResponse.Status(code: bootstrap.status), body: bootstrap.body)
    answer.operation = Self.operation.name
    for (name, value) in bootstrap.headers {
      if let name = HTTPField.Name(name) { answer.fields[name] = value }
    }
    return answer
  }

  private var endpoint: BootstrapEndpoint {
    let identity = identity()
    return BootstrapEndpoint(
      settings: BootstrapSettings(
        discoveryPort: port().flatMap { UInt16(exactly: $0) } ?? 0,
        trustedCA: identity.authority, certificateNames: identity.names,
        reloadsTokens: authenticator != nil, metricsInterval: metricsInterval,
        inspectAuthority: { BootstrapSettings.AuthorityVerdict(ofAuthority: $0) }),
      resources: resources, authenticator: authenticator)
  }
}
