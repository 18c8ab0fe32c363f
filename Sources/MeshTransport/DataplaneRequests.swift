package import HTTPService
package import HTTPTypes
import ProxyEvidence

/// The requests over HTTP/1.1 on the data plane server's port: for bootstraps, and with evidence.
package struct DataplaneRequests: Sendable {
  private let bootstrap: BootstrapResponder
  private let evidence: EvidenceResponder

  /// - Parameters:
  ///   - bootstrap: answers `POST /bootstrap`.
  ///   - evidence: answers `POST /evidence`.
  package init(bootstrap: BootstrapResponder, evidence: EvidenceResponder) {
    self.bootstrap = bootstrap
    self.evidence = evidence
  }

  private static let operations = [BootstrapResponder.operation, EvidenceResponder.operation]
  private static let router = Router(operations, headIsGet: false)

  /// Answers a request. Its scheme is `https` for a TLS connection.
  package func respond(to request: HTTPRequest, body: [UInt8], from caller: Caller) async -> Answer {
    switch Self.router.match(request.method, request.plainPath) {
    case .none:
      let names = Self.operations.map(\.name).joined(separator: ", ")
      return .text("Not found. This port serves \(names) and discovery over gRPC.\n", .notFound)
    case .otherMethods(let methods):
      var answer = Answer.text("Only \(methods) is allowed here.\n", .methodNotAllowed)
      answer.fields[.allow] = methods
      return answer
    case .found(let index, _) where Self.operations[index].path == EvidenceResponder.operation.path:
      return await evidence.respond(to: request, body: body, from: caller)
    case .found: return await bootstrap.respond(to: request, body: body, from: caller)
    }
  }

  /// The largest body of a request; `nil` for that of the server.
  static func bodyLimit(_ request: HTTPRequest) -> Int? {
    request.plainPath == EvidenceResponder.operation.path ? EvidenceLimits.reportBytes : nil
  }
}
