import Documents
import HTTPService
import HTTPTypes
import MeshHTTP
import MeshModel
import MeshStore
import Synchronization
import TraceHTTP
import TraceModel

/// Answers what the collector's page asks about meshes, as the API answers its own clients. Here mesh and traces meet.
final class PageMeshes: Sendable {
  /// The API is made later than the collector, and knows it.
  private struct Connection {
    weak var api: MeshAPI?
  }

  private let store: any ResourceStore
  private let connection = Mutex(Connection())

  /// Makes the answers of a store's meshes; those about proxies wait for ``connect(_:)``.
  init(store: any ResourceStore) { self.store = store }

  /// Lets an API answer.
  func connect(_ api: MeshAPI) { connection.withLock { $0.api = api } }

  /// The answers, in the form in which the collector asks.
  var queries: CollectorAPI.MeshQueries {
    CollectorAPI.MeshQueries(
      names: { await self.names() },
      tracing: { await self.tracing(of: $0, $1) })
  }

  private func names() async -> Result<[String], CollectorError> {
    do throws(StoreError) {
      return .success(try await store.list(.mesh, mesh: nil).map(\.name).sorted())
    } catch {
      return .failure(CollectorError(code: .unavailable, message: error.message))
    }
  }

  private func tracing(
    of mesh: String, _ parameters: [(name: String, value: String)]
  ) async -> Result<[UInt8], CollectorError> {
    // Only a name that exists becomes a part of a path.
    switch await names() {
    case .failure(let error): return .failure(error)
    case .success(let names):
      guard names.contains(mesh) else {
        return .failure(CollectorError(code: .notFound, message: "there is no mesh \(mesh.abridged().quoted)"))
      }
    }
    guard let api = connection.withLock({ $0.api }) else {
      return .failure(CollectorError(code: .unavailable, message: "the control plane is starting or ending"))
    }
    let query = parameters.map { "\(PercentCoding.encode($0.name))=\(PercentCoding.encode($0.value))" }
    var path = "/meshes/\(PercentCoding.encode(mesh, space: "%20"))/_tracing"
    if !query.isEmpty { path += "?" + query.joined(separator: "&") }
    let answer = await api.respond(
      to: HTTPRequest(method: .get, scheme: nil, authority: nil, path: path), body: [])
    return answer.status == .ok ? .success(answer.body) : .failure(Self.failure(answer))
  }

  /// An answer of the API other than 200 as the collector says it: a sentence.
  static func failure(_ answer: Answer) -> CollectorError {
    let document = try? DocumentValue(json: answer.body)
    let reasons = document?["invalid_parameters"]?.array?.compactMap { $0["reason"]?.string } ?? []
    let detail = reasons.isEmpty ? document?["detail"]?.string : reasons.joined(separator: "; ")
    let message = detail ?? "the control plane answered \(answer.status.code)"
    return switch answer.status.kind {
    case .clientError where answer.status == .notFound: CollectorError(code: .notFound, message: message)
    case .clientError: CollectorError(code: .invalid, message: message)
    default: CollectorError(code: .unavailable, message: message)
    }
  }
}
