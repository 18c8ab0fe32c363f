import Certificates
import Foundation
import HTTPTypes
import HummingbirdCore
import HummingbirdTLS
import LoopbackTestSupport
import MeshModel
import MeshTestSupport
import NIOSSL
import Synchronization

/// A collector of somebody else that takes spans over TLS, and remembers how they were sent.
final class SecureCollector: Sendable {
  private struct State {
    var port: Int?
    var reports: [[String: String]] = []
    var spans: [SpanRecorder.Span] = []
  }

  let name: String
  private let certificate: ServerCertificate
  private let clientAuthority: String?
  private let state = Mutex(State())

  /// - Parameter clientAuthority: the authority of the certificates that clients have to show, as PEM; `nil` when they need none.
  init(_ name: String, _ certificate: ServerCertificate, clientAuthority: String? = nil) {
    self.name = name
    self.certificate = certificate
    self.clientAuthority = clientAuthority
  }

  /// The spans of requests with a path.
  func spans(path: String) -> [SpanRecorder.Span] { state.withLock { $0.spans.filter { $0.path == path } } }

  /// The values that reports had in a field of their heads.
  func values(of header: String) -> Set<String> { state.withLock { Set($0.reports.map { $0[header] ?? "" }) } }

  /// How many reports have come.
  var reportCount: Int { state.withLock { $0.reports.count } }

  /// Its address; `nil` until it listens.
  var url: String? { state.withLock { $0.port }.map { "https://127.0.0.1:\($0)/api/v2/spans" } }

  /// Runs a body beside collectors.
  static func run(_ collectors: [SecureCollector], _ body: @escaping @Sendable () async throws -> Void) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      defer { group.cancelAll() }
      for collector in collectors { group.addTask { try await collector.serve() } }
      for collector in collectors {
        try await eventually("the collector \(collector.name)") { collector.url != nil }
      }
      try await body()
    }
  }

  private func serve() async throws {
    try await LoopbackServer.serve(server: .tls(.http1(), tlsConfiguration: try settings())) { [self] request, body in
      guard request.method == .post, request.path == "/api/v2/spans" else {
        return (HTTPResponse(status: .notFound), [])
      }
      let items = (try? DocumentValue(json: body))?.array ?? []
      var fields: [String: String] = [:]
      for field in request.headerFields { fields[field.name.canonicalName] = field.value }
      state.withLock { state in
        state.reports.append(fields)
        state.spans += items.map(SpanRecorder.span)
      }
      return (HTTPResponse(status: .accepted), [])
    } onPort: { [self] port in
      state.withLock { $0.port = port }
    }
  }

  private func settings() throws -> TLSConfiguration {
    let chain = try NIOSSLCertificate.fromPEMBytes(Array(certificate.certificatePEM.utf8))
    let key = try NIOSSLPrivateKey(bytes: Array(certificate.privateKeyPEM.utf8), format: .pem)
    var settings = TLSConfiguration.makeServerConfiguration(
      certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
    if let clientAuthority {
      settings.trustRoots = .certificates(try NIOSSLCertificate.fromPEMBytes(Array(clientAuthority.utf8)))
      settings.certificateVerification = .noHostnameVerification
    }
    return settings
  }
}
