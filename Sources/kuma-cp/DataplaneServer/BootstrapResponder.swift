import HTTPService
import HTTPTypes
import MeshXDS

/// Answers requests over HTTP/1.1 on the data plane server's port: HTTP's terms on one side, those of ``BootstrapEndpoint`` on the
/// other.
struct BootstrapResponder: Sendable {
  /// What the answers are made of.
  let resources: BootstrapEndpoint.Resources
  /// The server's certificate.
  let certificate: ServerCertificate
  /// Whether proxies may hold on to the certificate itself: only one that stays the same for years is handed out.
  let isOwnCertificate: Bool
  /// The port of the data plane server; `nil` before it listens.
  let port: @Sendable () -> Int?

  /// Answers a request; its scheme tells whether the connection is secured.
  func respond(to request: HTTPRequest, body: [UInt8]) async -> (HTTPResponse, [UInt8]) {
    guard request.plainPath == "/bootstrap" else {
      return Self.text(.notFound, "Not found. This port serves POST /bootstrap and discovery over gRPC.\n")
    }
    guard request.method == .post else {
      return Self.text(.methodNotAllowed, "Only POST is served here.\n", allow: "POST")
    }
    let answer = await endpoint.respond(
      to: BootstrapEndpoint.Input(
        host: request.authority ?? "", isTLS: request.scheme == "https",
        accept: request.headerFields[.accept] ?? "", body: body))
    var response = HTTPResponse(status: HTTPResponse.Status(code: answer.status))
    for (name, value) in answer.headers {
      if let name = HTTPField.Name(name) { response.headerFields[name] = value }
    }
    return (response, answer.body)
  }

  private var endpoint: BootstrapEndpoint {
    BootstrapEndpoint(
      settings: BootstrapSettings(
        discoveryPort: port().flatMap { UInt16(exactly: $0) } ?? 0,
        trustedCA: isOwnCertificate ? certificate.certificatePEM : "", certificateNames: certificate.names,
        inspectAuthority: ServerCertificate.inspectAuthority),
      resources: resources)
  }

  private static func text(_ status: HTTPResponse.Status, _ text: String, allow: String? = nil) -> (
    HTTPResponse, [UInt8]
  ) {
    var response = HTTPResponse(status: status, headerFields: [.contentType: "text/plain; charset=utf-8"])
    response.headerFields[.allow] = allow
    return (response, Array(text.utf8))
  }
}
