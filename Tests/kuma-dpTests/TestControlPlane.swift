import HTTPTypes
import LoopbackTestSupport
import MeshModel
import MeshTestSupport
import MeshXDS

/// A control plane that gives bootstraps: the real endpoint behind a real server. Nothing answers Envoy's streams.
enum TestControlPlane {
  /// A valid definition.
  static let definition = """
    type: Dataplane
    mesh: default
    name: web-1
    networking:
      address: 127.0.0.1
      inbound:
      - port: 21080
        servicePort: 21081
        tags: {kuma.io/service: web, kuma.io/protocol: http}
    """

  /// Answers `POST /bootstrap` as the control plane does, whose only mesh is `default`.
  ///
  /// - Parameters:
  ///   - adminPort: the administration port where a request asks for none.
  ///   - isTLS: whether the server speaks TLS.
  ///   - podToken: the token that the proxy of a pod has to show; `nil` for none.
  ///   - dataplane: finds a stored Dataplane.
  ///   - observe: is given each request's body.
  static func responder(
    adminPort: UInt32 = 0, isTLS: Bool = false, podToken: String? = nil,
    dataplane: @escaping @Sendable (_ mesh: String, _ name: String) async throws -> Dataplane? = { _, _ in nil },
    observe: @escaping @Sendable ([UInt8]) -> Void = { _ in }
  ) -> LoopbackServer.Responder {
    { request, body in
      guard request.method == .post, request.path == "/bootstrap" else { return (HTTPResponse(status: .notFound), []) }
      observe(body)
      let host = request.authority ?? ""
      let port = host.split(separator: ":").last.flatMap { UInt16($0) } ?? 0
      let endpoint = BootstrapEndpoint(
        settings: BootstrapSettings(
          discoveryPort: port, reloadsTokens: podToken != nil, defaultAdminPort: adminPort),
        resources: BootstrapEndpoint.Resources(dataplane: dataplane, meshExists: { $0 == "default" }),
        authenticator: podToken.map { ProofTable([$0: .unlimited]) })
      let answer = await endpoint.respond(
        to: .init(host: host, isTLS: isTLS, accept: request.headerFields[.accept] ?? "", body: body))
      return (HTTPResponse(status: .init(code: answer.status)), answer.body)
    }
  }

  /// Gives the same bootstrap to everybody.
  static func giving(_ bootstrap: String) -> LoopbackServer.Responder {
    { _, _ in (HTTPResponse(status: .ok), Array(bootstrap.utf8)) }
  }
}
