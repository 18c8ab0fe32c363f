import HTTPService
import HTTPTypes
import MeshModel
import MeshPolicy
import MeshStore
import OrderedCollections
import TracingDiagnosis

/// Whether the spans of proxies arrive, and if not, why: of one proxy, of a mesh, of a service.
struct TracingRoutes: Sendable {
  let context: APIContext
  let administration: any EnvoyAdministration
  let diagnoses: any TracingDiagnosing
  /// The operations of the collector, which tell where its page is.
  let foreign: @Sendable () -> [Operation]

  var routes: [Route] {
    let filters = [
      Operation.Parameter.name,
      Operation.Parameter(name: "notTraced", summary: "true: only proxies whose verdict is other than fine."),
      Operation.Parameter(
        name: "cause", summary: "Only proxies with this cause: its name, such as no-policy, or its number."),
      Operation.Parameter(name: "service", summary: "Only proxies that offer this service."),
    ]
    return [
      Route(
        .get, "/meshes/{mesh}/dataplanes/{name}/_tracing",
        "Explains why a proxy is traced or not: candidates, winner, backend, listeners with what to do, traffic, connection; "
          + "whether its spans arrive, and if not, why.",
        handler: proxy),
      Route(
        .get, "/meshes/{mesh}/_tracing", "Lists whether the spans of a mesh's proxies arrive, and if not, why.",
        query: filters + Operation.Parameter.paging + Operation.Parameter.proxyFilters, handler: mesh),
      Route(
        .get, "/meshes/{mesh}/services/{service}/_tracing",
        "Explains whether the requests to a service leave traces, and if not, why.",
        query: [
          Operation.Parameter(name: "from", summary: "The service whose requests are looked at; all when absent.")
        ], handler: service),
      Route(
        .get, "/senders", "Lists who sends spans to the trace collector, what was refused and what should be changed.",
        query: [
          Operation.Parameter(name: "service", summary: "Only senders of spans of this service."),
          Operation.Parameter(name: "node", summary: "Only the proxy with this Envoy node, such as default.web-1."),
        ] + Operation.Parameter.paging, handler: senders),
    ]
  }

  private func proxy(_ request: RoutedRequest) async throws(APIError) -> Answer {
    let proxy = ProxyID(mesh: request.parameter("mesh"), name: request.parameter("name"))
    try await context.mesh(proxy.mesh)
    let tracing = try await tracing(of: proxy.mesh, [proxy.name])
    guard var found = tracing.proxies.first else { throw .notFound(APIContext.Title.retrieve) }
    if found.explanation.connection?.status == .online { await count(&found.explanation.capture, of: proxy) }
    return .json(found.document(now: tracing.time, page: page(for: request)))
  }

  /// Asks a proxy's Envoy how many connections it passed on.
  private func count(_ capture: inout CaptureExplanation?, of proxy: ProxyID) async {
    guard capture != nil else { return }
    do throws(EnvoyAdministrationError) {
      let answer = try await administration.answer(to: .passthrough, of: proxy, defaultPort: nil)
      capture?.read(statistics: String(decoding: answer, as: UTF8.self))
    } catch {
      capture?.silence = error.message
    }
  }

  private func mesh(_ request: RoutedRequest) async throws(APIError) -> Answer {
    let mesh = request.parameter("mesh")
    try await context.mesh(mesh)
    let filter = try TracingFilter(request)
    let resources = try ResourceFilter(request, type: .dataplane)
    let page = try Page(request.query)
    let tracing = try await tracing(of: mesh, nil)
    var matching = tracing.proxies.filter(filter.includes)
    if resources.isNarrow {
      let names = try await context.list(.dataplane, mesh: mesh).filter(resources.includes).map(\.name)
      let included = Set(names)
      matching = matching.filter { included.contains($0.explanation.proxy.name) }
    }
    var causes: OrderedDictionary<Cause, Int64> = [:]
    for proxy in tracing.proxies { causes[proxy.diagnosis.verdict.cause, default: 0] += 1 }
    causes.sort {
      ($0.key == .fine ? 0 : 1, -$0.value, $0.key.number) < ($1.key == .fine ? 0 : 1, -$1.value, $1.key.number)
    }
    let (slice, next) = page.slice(matching)
    let address = self.page(for: request)
    return .json([
      "total": .integer(Int64(matching.count)), "proxies": .integer(Int64(tracing.proxies.count)),
      "causes": .object(
        DocumentValue.Object(uniqueKeysWithValues: causes.map { ($0.key.name, .integer($0.value)) })),
      "policies": .array(
        tracing.policies.map { ["name": .string($0.name), "proxies": .integer(Int64($0.proxies))] }),
      "items": .array(slice.map { $0.item(now: tracing.time, page: address) }),
      "next": next.map { .string(request.link(offset: $0)) } ?? .null,
    ])
  }

  private func service(_ request: RoutedRequest) async throws(APIError) -> Answer {
    let mesh = request.parameter("mesh")
    try await context.mesh(mesh)
    let caller = request.query.first("from").flatMap { $0.isEmpty ? nil : $0 }
    let tracing = try await tracing(of: mesh, nil)
    guard let way = ServiceTracing(of: request.parameter("service"), from: caller, in: tracing) else {
      throw .notFound(APIContext.Title.retrieve)
    }
    return .json(way.document(mesh: mesh, now: tracing.time, page: page(for: request)))
  }

  private func senders(_ request: RoutedRequest) async throws(APIError) -> Answer {
    try request.checkDecoding()
    let page = try Page(request.query)
    let list = await diagnoses.senders()
    let (service, node) = (request.query.first("service") ?? "", request.query.first("node") ?? "")
    let items = list.items.filter { item in
      (service.isEmpty || item["services"]?.array?.contains(.string(service)) == true)
        && (node.isEmpty || item["node"]?.string == node)
    }
    let (slice, next) = page.slice(items)
    var object: DocumentValue.Object = [
      "total": .integer(Int64(items.count)), "items": .array(Array(slice)),
      "next": next.map { .string(request.link(offset: $0)) } ?? .null,
    ]
    if let obstacle = list.obstacle { object["reason"] = .string(obstacle) }
    return .json(.object(object))
  }

  private func tracing(of mesh: String, _ proxies: Set<String>?) async throws(APIError) -> MeshTracing {
    do throws(StoreError) {
      return try await diagnoses.tracing(of: mesh, proxies: proxies)
    } catch {
      throw APIError(error, title: APIContext.Title.retrieve, mesh: mesh)
    }
  }

  /// The address of the collector's page for whoever sent a request; `nil` where no collector runs.
  private func page(for request: RoutedRequest) -> String? {
    foreign().lazy.compactMap(\.servers.first).first.map { CollectorPage.address($0, for: request.head.authority) }
  }
}

/// Where the collector's page is.
enum CollectorPage {
  /// The address of the collector for somebody who reached this server as an authority: a client on another machine does not reach it
  /// by the name of this machine's loopback.
  static func address(_ address: String, for authority: String?) -> String {
    guard let authority, let scheme = address.firstRange(of: "://") else { return address }
    let (host, own) = (host(of: authority), host(of: String(address[scheme.upperBound...])))
    guard isLoopback(own), !isLoopback(host), !host.isEmpty else { return address }
    return address.replacing(own, with: host, maxReplacements: 1)
  }

  /// The host of `host:port`, with the brackets of an IPv6 address.
  private static func host(of authority: String) -> String {
    if authority.hasPrefix("["), let end = authority.firstIndex(of: "]") { return String(authority[...end]) }
    return String(authority.prefix { $0 != ":" && $0 != "/" })
  }

  private static func isLoopback(_ host: String) -> Bool {
    host == "localhost" || host.hasPrefix("127.") || host == "[::1]"
  }
}

/// Which proxies of a mesh are listed.
private struct TracingFilter {
  private let onlyNotTraced: Bool
  private let cause: Cause?
  private let service: String
  private let name: String

  init(_ request: RoutedRequest) throws(APIError) {
    try request.checkDecoding()
    onlyNotTraced = try request.flag("notTraced")
    service = request.query.first("service") ?? ""
    name = request.query.first("name") ?? ""
    guard let text = request.query.first("cause"), !text.isEmpty else {
      cause = nil
      return
    }
    guard let cause = Cause(name: text) ?? Int(text).flatMap(Cause.init(rawValue:)) else {
      let names = Cause.allCases.map(\.name)
      let hint = NearestName.find(text, among: names).map { "; did you mean \($0)?" } ?? ""
      throw .invalid(
        [
          Violation(
            field: "cause", message: "there is no cause \(text.quoted)\(hint): one of \(names.joined(separator: ", "))")
        ], title: APIContext.Title.retrieveList)
    }
    self.cause = cause
  }

  func includes(_ proxy: ProxyTracing) -> Bool {
    (!onlyNotTraced || !proxy.diagnosis.verdict.isFine) && (cause == nil || proxy.diagnosis.verdict.cause == cause)
      && (service.isEmpty || proxy.services.contains(service))
      && (name.isEmpty || proxy.explanation.proxy.name.contains(name))
  }
}
