import HTTPService
import HTTPTypes
import MeshAccess
import MeshHTTP
import MeshHTTPTestSupport
import MeshModel
import MeshStore
import MeshTestSupport
import OrderedCollections
import Testing

/// An API over an empty store in memory, asked without a network.
struct TestAPI: Sendable {
  let store: MemoryStore
  let clock = TestClock()
  let envoys: PlainAdministration
  /// What Envoys have counted and the collector has received.
  let spans = KnownSpans()
  private let api: MeshAPI

  /// What was answered.
  struct Answer: Sendable {
    var status: Int
    var headers: HTTPFields
    var body: String

    /// The body as a document; `null` when it is none.
    var document: DocumentValue { (try? DocumentValue(json: Array(body.utf8))) ?? .null }
    var contentType: String? { headers[.contentType] }
    /// The names of a list's items.
    var names: [String] { document["items"]?.array?.compactMap { $0["name"]?.string } ?? [] }
    /// The violations of an error, from the older keys.
    var causes: [String] {
      document["causes"]?.array?.map { "\($0["field"]?.string ?? "?"): \($0["message"]?.string ?? "?")" } ?? []
    }
    var warnings: [String] { document["warnings"]?.array?.compactMap(\.string) ?? [] }
    var title: String? { document["title"]?.string }
    var detail: String? { document["detail"]?.string }
  }

  /// - Parameter through: what stands between the API and the store.
  init(
    isReadOnly: Bool = false, readOnlyReason: String = APIConfiguration.readOnlyBySetting,
    bodyLimit: Int = APIConfiguration.defaultBodyLimit, envoys: PlainAdministration = PlainAdministration(),
    through wrap: (MemoryStore) -> any ResourceStore = { $0 },
    tokens: (any TokenIssuing)? = nil, foreign: @escaping @Sendable () -> [Operation] = { [] },
    object: @escaping @Sendable (ResourceKey) -> DocumentValue? = { _ in nil }
  ) {
    self.envoys = envoys
    store = MemoryStore { [clock] in clock.now }
    let reached = wrap(store)
    api = MeshAPI(
      store: reached,
      configuration: APIConfiguration(
        hostname: "host", version: "1.2.3", instanceId: "host-1", clusterId: "cluster-1", isReadOnly: isReadOnly,
        readOnlyReason: readOnlyReason, object: object, bodyLimit: bodyLimit, effective: ["store": ["type": "memory"]],
        versions: ["kumaDp": ["1.2.3": [:]]]),
      inspection: IndexInspection(store: reached), administration: envoys,
      diagnoses: spans.diagnoses(of: reached) { [clock] in clock.now }, tokens: tokens,
      foreign: foreign,
      now: { [clock] in clock.now })
  }

  /// Sends a request; a body without a type of its own is JSON.
  func send(
    _ method: HTTPRequest.Method, _ path: String, _ body: String? = nil, headers: [HTTPField.Name: String] = [:],
    scheme: String = "http"
  ) async -> Answer {
    await send(method, path, bytes: Array((body ?? "").utf8), isJSON: body != nil, headers: headers, scheme: scheme)
  }

  /// Sends a request whose body need not be text.
  func send(
    _ method: HTTPRequest.Method, _ path: String, bytes: [UInt8], isJSON: Bool = true,
    headers: [HTTPField.Name: String] = [:], scheme: String = "http"
  ) async -> Answer {
    var request = HTTPRequest(method: method, scheme: scheme, authority: "cp.example:5681", path: path)
    if isJSON { request.headerFields[.contentType] = "application/json" }
    for (name, value) in headers { request.headerFields[name] = value.isEmpty ? nil : value }
    let (response, content) = await api.respond(to: request, body: bytes).message(to: request)
    return Answer(
      status: response.status.code, headers: response.headerFields, body: String(decoding: content, as: UTF8.self))
  }

  func get(_ path: String, headers: [HTTPField.Name: String] = [:]) async -> Answer {
    await send(.get, path, headers: headers)
  }

  /// Writes a resource that has to be accepted.
  @discardableResult
  func put(_ path: String, _ body: String, sourceLocation: SourceLocation = #_sourceLocation) async -> Answer {
    let answer = await send(.put, path, body)
    #expect([200, 201].contains(answer.status), "\(path): \(answer.body)", sourceLocation: sourceLocation)
    return answer
  }

  // MARK: Resources

  /// An API with a mesh `shop`, which has the backend `jaeger-collector` as its default.
  static func withMesh(isReadOnly: Bool = false) async throws -> TestAPI {
    let api = TestAPI(isReadOnly: isReadOnly)
    try await api.store.put(.mesh("shop", backends: ["jaeger-collector"]))
    return api
  }

  @discardableResult
  func putTrace(
    _ name: String, _ selector: String = #"{"kuma.io/service":"*"}"#, backend: String? = nil, mesh: String = "shop",
    sourceLocation: SourceLocation = #_sourceLocation
  ) async -> Answer {
    await put(
      "/meshes/\(mesh)/traffic-traces/\(name)", Self.trace(name, selector, backend: backend, mesh: mesh),
      sourceLocation: sourceLocation)
  }

  static func trace(
    _ name: String, _ selector: String = #"{"kuma.io/service":"*"}"#, backend: String? = nil, mesh: String = "shop"
  ) -> String {
    let conf = backend.map { #","conf":{"backend":"\#($0)"}"# } ?? ""
    return #"{"type":"TrafficTrace","mesh":"\#(mesh)","name":"\#(name)","selectors":[{"match":\#(selector)}]\#(conf)}"#
  }

  @discardableResult
  func putProxy(
    _ name: String, service: String, tags: String = "", mesh: String = "shop",
    sourceLocation: SourceLocation = #_sourceLocation
  ) async -> Answer {
    let networking = #"{"address":"10.1.0.1","inbound":[{"port":80,"tags":{"kuma.io/service":"\#(service)"\#(tags)}}]}"#
    return await putProxy(name, networking: networking, mesh: mesh, sourceLocation: sourceLocation)
  }

  @discardableResult
  func putProxy(
    _ name: String, networking: String, mesh: String = "shop", sourceLocation: SourceLocation = #_sourceLocation
  ) async -> Answer {
    await put(
      "/meshes/\(mesh)/dataplanes/\(name)",
      #"{"type":"Dataplane","mesh":"\#(mesh)","name":"\#(name)","networking":\#(networking)}"#,
      sourceLocation: sourceLocation)
  }

  /// A delegated gateway's networking section.
  static let gateway = #"{"address":"10.1.0.1","gateway":{"tags":{"kuma.io/service":"edge"}}}"#
}

extension DocumentValue {
  /// An error's document in Kuma's form.
  static func error(_ status: Int64, _ title: String, _ detail: String, causes: [(String, String)] = []) -> Self {
    var object: Object = [
      "type": "/std-errors", "status": .integer(status), "title": .string(title), "detail": .string(detail),
      "details": .string(detail),
    ]
    if !causes.isEmpty {
      object["invalid_parameters"] = .array(causes.map { ["field": .string($0.0), "reason": .string($0.1)] })
      object["causes"] = .array(causes.map { ["field": .string($0.0), "message": .string($0.1)] })
    }
    return Self.object(object).sortedByKey()
  }
}
