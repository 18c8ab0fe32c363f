import AsyncHTTPClient
import BoundedHTTPClient
package import MeshControl
package import MeshModel
package import MeshPolicy
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import ServiceLifecycle

/// Asks the receivers of spans over HTTP who they are, and which reports have arrived.
///
/// The addresses come from meshes, so anything may answer: every answer is bounded in time and size, and redirects are not followed.
/// Certificates are not verified, as Envoy does not verify those of the same receivers.
package final class ReceiverClient: Service {
  /// Limits of a question.
  package struct Limits: Sendable {
    /// How long a complete answer may take.
    package var time = Duration.seconds(2)
    /// The size of an answer to the question who a receiver is, in bytes.
    package var identityBytes = 4_096
    /// How many proxies are asked for at once.
    package var proxies = 1_000
    /// The size of an answer about one proxy, in bytes. One about several may have as many times that size.
    package var reportBytes = 1_024

    /// The default limits.
    package init() {}
  }

  private let limits: Limits
  private let names: NameLookups
  private let client: BoundedHTTPClient

  /// Makes a client, which answers while it runs.
  ///
  /// - Parameter lookup: resolves a host name.
  package init(limits: Limits = Limits(), lookup: @escaping AddressResolver.Lookup) {
    self.limits = limits
    names = NameLookups(lookup)
    var tls = TLSConfiguration.makeClientConfiguration()
    tls.certificateVerification = .none
    client = BoundedHTTPClient(time: limits.time, tls: tls)
  }

  package func run() async throws { try await client.run() }

  /// Who receives spans at an address.
  package func identity(at url: CollectorURL) async -> ReceiverAnswer {
    let request = HTTPClientRequest(url: "\(url.origin)/receiver")
    switch await answer(to: request, of: url.host, bytes: limits.identityBytes) {
    case .failure(.silent(let why)): return .silent(why: why)
    case .failure(.foreign(let what)): return .other(what: "GET /receiver with \(what)")
    case .success(let body): return Self.identity(in: body)
    }
  }

  private static func identity(in body: [UInt8]) -> ReceiverAnswer {
    guard let document = try? DocumentValue(json: body), document["product"]?.string == "kuma-trace" else {
      return .other(what: "GET /receiver with something other than the description of a kuma-trace collector")
    }
    guard document["formats"]?.array?.contains("zipkin-protobuf-envoy") == true else {
      return .other(what: "as a kuma-trace collector that does not store the protobuf of Envoy")
    }
    return .collector(instance: (document["instance"]?.string ?? "").printable(atMost: 100))
  }

  /// How long ago the last reports of proxies arrived at an address, for those proxies that the receiver knows; `nil` if it does
  /// not tell.
  package func reportAges(of proxies: [ProxyID], at url: CollectorURL) async -> [ProxyID: Duration]? {
    var ages: [ProxyID: Duration] = [:]
    for start in stride(from: 0, to: proxies.count, by: limits.proxies) {
      let asked = proxies[start..<min(start + limits.proxies, proxies.count)]
      var request = HTTPClientRequest(url: "\(url.origin)/receiver/senders")
      request.method = .POST
      request.headers.add(name: "content-type", value: "application/json")
      let question: DocumentValue = [
        "authority": .string(url.authority), "nodes": .array(asked.map { .string($0.description) }),
      ]
      request.body = .bytes(ByteBuffer(string: question.json()))
      guard
        case .success(let body) = await answer(
          to: request, of: url.host, bytes: limits.identityBytes + asked.count * limits.reportBytes),
        let senders = (try? DocumentValue(json: body))?["senders"]?.array
      else { return nil }
      let names = Set(asked)
      for sender in senders {
        guard let node = sender["node"]?.string, let proxy = ProxyID(nodeID: node), names.contains(proxy),
          case .integer(let age) = sender["age"]
        else { continue }
        ages[proxy] = .milliseconds(max(0, age))
      }
    }
    return ages
  }

  // MARK: Questions

  /// Why there is no usable answer.
  private enum Failure: Error {
    /// Nobody has answered, or a gateway has that reaches nobody.
    case silent(String)
    /// Something has answered that no collector of this product says.
    case foreign(String)
  }

  /// Statuses of gateways, and of a receiver that is overloaded: they do not tell who the receiver is.
  private static let silentStatuses: Set<UInt> = [408, 429, 502, 503, 504]

  private func answer(to request: HTTPClientRequest, of host: String, bytes: Int) async -> Result<[UInt8], Failure> {
    do {
      let answer = try await client.inTime(
        { [client] in
          try await self.resolve(host)
          return try await client.ask(request, bytes: bytes)
        }, late: Failure.silent("it has not answered within \(limits.time.words)"))
      return switch answer {
      case .body(let body): .success(body)
      case .tooLarge: .failure(.foreign("more than \(bytes) bytes"))
      case .status(let status) where Self.silentStatuses.contains(status):
        .failure(.silent("it answers with status \(status)"))
      case .status(let status): .failure(.foreign("status \(status)"))
      }
    } catch let failure as Failure {
      return .failure(failure)
    } catch {
      return .failure(Self.failure(error))
    }
  }

  private func resolve(_ host: String) async throws {
    guard !HostRules.isIP(host) else { return }
    switch await names.resolve(host) {
    case .found: break
    case .unknown: throw Failure.silent("its host name does not resolve")
    case .refused: throw Failure.silent("too many host names are being looked up")
    case nil: throw CancellationError()
    }
  }

  private static func failure(_ error: any Error) -> Failure {
    switch error {
    case let error as NIOConnectionError:
      error.connectionErrors.first.map { failure($0.error) } ?? .silent("its host name does not resolve")
    case is BoundedHTTPClient.NotRunning: .silent("the control plane is starting or stopping")
    // The connection ended in the middle of an answer.
    case HTTPParserError.invalidEOFState: .silent("the connection was lost")
    case is HTTPParserError: .foreign("something that is not HTTP")
    case is NIOSSLError, is BoringSSLError: .silent("the TLS handshake fails")
    default: .silent(BoundedHTTPClient.words(error))
    }
  }
}
