package import HTTPService
package import HTTPTypes
package import MeshXDS

/// Answers requests over HTTP/1.1 on the data plane server's port: HTTP's terms on one side, those of ``BootstrapEndpoint`` on the
/// other.
package struct BootstrapResponder: Sendable {
  private let resources: BootstrapEndpoint.Resources
  private let certificate: ServerCertificate
  private let isOwnCertificate: Bool
  private let port: @Sendable () -> Int?

  /// - Parameters:
  ///   - resources: what the answers are made of.
  ///   - certificate: the server's.
  ///   - isOwnCertificate: whether proxies may hold on to the certificate itself: only one that stays the same for years is
  ///     handed out.
  ///   - port: the port of the data plane server; `nil` before it listens.
  package init(
    resources: BootstrapEndpoint.Resources, certificate: ServerCertificate, isOwnCertificate: Bool,
    port: @escaping @Sendable () -> Int?
  ) {
    self.resources = resources
    self.certificate = certificate
    self.isOwnCertificate = isOwnCertificate
    self.port = port
  }

  /// Answers a request; its scheme tells whether the connection is secured.
  package func respond(to request: HTTPRequest, body: [UInt8]) async -> Answer {
    switch Self.router.match(request.method, request.plainPath) {
    case .none:
      return .text("Not found. This port serves \(Self.operation.name) and discovery over gRPC.\n", .notFound)
    case .otherMethods(let methods):
      var answer = Answer.text("Only \(methods) is served here.\n", .methodNotAllowed)
      answer.fields[.allow] = methods
      return answer
    case .found: return await bootstrap(request, body)
    }
  }

  private static let operation = Operation(.post, "/bootstrap", "Gives an Envoy the configuration it starts with.")
  private static let router = Router([operation], headIsGet: false)

  private func bootstrap(_ request: HTTPRequest, _ body: [UInt8]) async -> Answer {
    let bootstrap = await endpoint.respond(
      to: BootstrapEndpoint.Input(
        host: request.authority ?? "", isTLS: request.scheme == "https",
        accept: request.headerFields[.accept] ?? "", body: body))
    var answer = Answer(HTTPResponse.Status(code: bootstrap.status), body: bootstrap.body)
    answer.operation = Self.operation.name
    for (name, value) in bootstrap.headers {
      if let name = HTTPField.Name(name) { answer.fields[name] = value }
    }
    return answer
  }

  private var endpoint: BootstrapEndpoint {
    BootstrapEndpoint(
      settings: BootstrapSettings(
        discoveryPort: port().flatMap { UInt16(exactly: $0) } ?? 0,
        trustedCA: isOwnCertificate ? certificate.certificatePEM : "", certificateNames: certificate.names,
        inspectAuthority: ServerCertificate.inspectAuthority),
      resources: resources)
  }
}
