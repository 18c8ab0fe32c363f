import Foundation
import MeshModel
import MeshTestSupport
import Testing

/// Proxies that report in every form, applications that report in none or in others, and callers with every kind of B3: each
/// request is one trace, and each span has its right parent.
@Suite(
  "Mixed meshes", .heavy, .serialized, .timeLimit(.minutes(60)),
  .enabled(if: Programs.envoy != nil, "needs an Envoy: $ENVOY or .venv/bin/envoy, which Scripts/setup installs"))
struct MixedMeshTests {
  /// A service, whose proxy has a backend of the same name.
  struct Service: Sendable {
    var name: String
    var apiVersion: String
    /// Whether the server side of a call has its caller's id.
    var isShared: Bool
    /// Whether the traces that its proxy begins have ids of 128 bits.
    var is128Bit: Bool

    /// How its proxy reports. The collector is this control plane's own, which knows the proxies' Envoys.
    var endpointVersion: String { apiVersion == "httpJson" ? "HTTP_JSON" : "HTTP_PROTO" }
  }

  static let services = [
    Service(name: "json-shared", apiVersion: "httpJson", isShared: true, is128Bit: false),
    Service(name: "json-own", apiVersion: "httpJson", isShared: false, is128Bit: true),
    Service(name: "proto-shared", apiVersion: "httpProto", isShared: true, is128Bit: true),
    Service(name: "proto-own", apiVersion: "httpProto", isShared: false, is128Bit: false),
    Service(name: "auto-shared", apiVersion: "auto", isShared: true, is128Bit: false),
    Service(name: "auto-own", apiVersion: "auto", isShared: false, is128Bit: true),
  ]

  static func mesh(_ services: [Service], _ url: String, traceContext: String = "USE_B3") -> String {
    let backends = services.map { service in
      """
        - name: \(service.name)
          type: zipkin
          conf:
            url: \(url)
            apiVersion: \(service.apiVersion)
            traceId128bit: \(service.is128Bit)
            sharedSpanContext: \(service.isShared)
            traceContextOption: \(traceContext)

      """
    }.joined()
    let policies = services.map {
      "---\n" + TracingSystem.policy("of-\($0.name)", match: ["kuma.io/service": $0.name], backend: $0.name)
    }.joined()
    return "type: Mesh\nname: default\ntracing:\n  backends:\n\(backends)\(policies)"
  }

  /// Who sends a request to the first proxy.
  enum Caller: Sendable {
    /// Somebody without a trace: the proxy begins one.
    case stranger
    /// A tracer that reports its own span or does not, and has a trace's id of 64 or 128 bits, in several headers or in one.
    case tracer(reports: Bool, traceBytes: Int, hasOneHeader: Bool)

    static let all: [Caller] = [
      .stranger, .tracer(reports: true, traceBytes: 8, hasOneHeader: false),
      .tracer(reports: false, traceBytes: 16, hasOneHeader: false),
      .tracer(reports: true, traceBytes: 16, hasOneHeader: true),
      .tracer(reports: false, traceBytes: 8, hasOneHeader: true),
    ]
  }

  struct Request: Sendable {
    var path: String
    var caller: Caller
    var hops: [(service: Int, kind: TracedApplications.Kind)]
    /// The caller's span.
    var trace = ""
    var span = ""
    var begin = Date()
    /// What the applications found in the headers.
    var contexts: [TracedApplications.Context] = []

    var description: String {
      "\(path), \(caller), " + hops.map { "\(services[$0.service].name) (\($0.kind))" }.joined(separator: " > ")
    }

    var headers: [String: String] {
      guard case .tracer(_, _, let hasOneHeader) = caller else { return [:] }
      return hasOneHeader
        ? ["b3": "\(trace)-\(span)-1"] : ["x-b3-traceid": trace, "x-b3-spanid": span, "x-b3-sampled": "1"]
    }

    /// The caller's report, as JSON.
    var report: DocumentValue? {
      guard case .tracer(true, _, _) = caller else { return nil }
      return [
        "traceId": .string(trace), "id": .string(span), "kind": "CLIENT", "name": "get",
        "timestamp": .number((begin.timeIntervalSince1970 * 1e6).rounded()), "duration": 1_000_000,
        "localEndpoint": ["serviceName": "browser"],
      ]
    }
  }

  /// A span as the collector answers it, or as it has to be: each is its predecessor's child.
  private struct Node: Equatable, CustomStringConvertible {
    var service: String
    var kind: String
    /// `nil` if only the application knows it.
    var id: String?
    var parent: Int
    var isDetached = false

    var description: String { "\(service) \(kind) \(id ?? "?") under \(parent)\(isDetached ? ", detached" : "")" }
  }

  private static func expected(_ request: Request) -> [Node] {
    var nodes: [Node] = []
    func add(_ service: String, _ kind: String, _ id: String?) {
      nodes.append(Node(service: service, kind: kind, id: id, parent: nodes.count - 1))
    }
    if request.report != nil { add("browser", "CLIENT", request.span) }
    for (number, hop) in request.hops.enumerated() {
      let service = services[hop.service].name
      add(service, "SERVER", request.contexts[number].span)
      if hop.kind.reports { add(service, "SERVER", nil) }
      guard number + 1 < request.hops.count else { break }
      if hop.kind.reports { add(service, "CLIENT", nil) }
      let next = request.contexts[number + 1]
      add(service, "CLIENT", services[request.hops[number + 1].service].isShared ? next.span : next.parent)
    }
    // The span of a tracer that reports nothing is missing.
    if case .tracer(false, _, _) = request.caller { nodes[0].isDetached = true }
    return nodes
  }

  /// The tree that the collector answers.
  private static func tree(_ trace: String, in system: TracingSystem) async throws -> [Node] {
    let port = system.controlPlane.ports.collector
    guard let answer = try await HTTPProbe.get(port: port, "/api/trees/\(trace)"), answer.status == 200 else {
      return []
    }
    return (try DocumentValue(json: answer.body)["nodes"]?.array ?? []).map { node in
      Node(
        service: node["span"]?["localEndpoint"]?["serviceName"]?.string ?? "",
        kind: node["span"]?["kind"]?.string ?? "", id: node["span"]?["id"]?.string,
        parent: Int(node["parent"]?.number ?? -1), isDetached: node["isDetached"]?.bool ?? false)
    }
  }

  // MARK: Every combination

  @Test(
    "every request is one trace, whoever sends its spans, and each span has its right parent and id",
    .enabled(if: TracedApplications.isAvailable, "needs the Python packages that Scripts/setup installs"))
  func everyCombination() async throws {
    try await TracingSystem.run(proxies: false) { system in
      try await TracedApplications.run(Self.services.map(\.name), in: system) {
        try await Self.startProxies(system)
        let requests = try await Self.sendAll(system)
        try await Self.report(requests, to: system)
        try await Self.checkTraces(requests, in: system)
        try await Self.checkCalls(requests, in: system)
        try await Self.checkPropagation(system)
        try await Self.checkW3C(system)
      }
    }
  }

  /// Compares each trace as soon as all of its spans are there. The last requests come first: theirs are the last spans.
  static func checkTraces(_ requests: [Request], in system: TracingSystem) async throws {
    for request in requests.reversed() {
      let expected = expected(request)
      var found: [Node] = []
      do {
        try await eventually("a whole trace") {
          found = try await tree(request.contexts[0].trace, in: system)
          return found.count >= expected.count
        }
      } catch let error as NotInTime {
        Issue.record("\(error): \(request.description): \(found), not \(expected)")
        return
      }
      for (index, node) in expected.enumerated() where node.id == nil { found[index].id = nil }
      #expect(found == expected, "\(request.description)")
    }
  }

  private static func startProxies(_ system: TracingSystem) async throws {
    try await system.controlPlane.apply(mesh(services, system.embeddedURL))
    let names = services.map(\.name)
    for name in names { try await system.start(name, calls: names) }
    for proxy in system.proxies { try await proxy.waitUntilServing(isTraced: false) }
    for (service, proxy) in zip(services, system.proxies) {
      try await proxy.waitForTracers(service.endpointVersion)
    }
  }

  /// How many applications a request passes at most: some wait for the collector's answer before they give theirs.
  private static let longest = 12

  /// For each kind of caller: requests from each service to each, and long ones that pass every pair of services. From one caller
  /// to the next, another kind of application is at the beginning of the pair.
  private static func sendAll(_ system: TracingSystem) async throws -> [Request] {
    let kinds = TracedApplications.Kind.ofB3
    let pairs = services.indices.flatMap { from in services.indices.map { (from, $0) } }
    var requests: [Request] = []
    for (number, caller) in Caller.all.enumerated() {
      for (from, to) in pairs {
        let kind = kinds[(from + to + number) % kinds.count]
        let other = kinds[(from + number) % kinds.count]
        requests.append(Request(path: "/r\(requests.count)", caller: caller, hops: [(from, kind), (to, other)]))
      }
      // After an application that cuts the trace's id no further one would have a long one.
      let others = kinds.filter { $0 != .short }
      let hops = pairs.flatMap { [$0.0, $0.1] }.enumerated().map { position, service in
        (service: service, kind: others[(number + position) % others.count])
      }
      for start in stride(from: 0, to: hops.count, by: longest) {
        let part = Array(hops[start..<min(start + longest, hops.count)])
        requests.append(Request(path: "/r\(requests.count)", caller: caller, hops: part))
      }
    }
    var random = SeededGenerator(seed: 7)
    for index in requests.indices { try await send(&requests[index], in: system, &random) }
    return requests
  }

  static func send(
    _ request: inout Request, in system: TracingSystem, _ random: inout SeededGenerator
  ) async throws {
    let proxies = system.proxies
    if case .tracer(_, let bytes, _) = request.caller {
      let hexadecimal = { (random: inout SeededGenerator) in
        let digits = String(UInt64.random(in: 1 ... .max, using: &random), radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
      }
      request.trace = (0..<bytes / 8).map { _ in hexadecimal(&random) }.joined()
      request.span = hexadecimal(&random)
    }
    request.begin = Date()
    let hops = request.hops.indices.map { number in
      let next = number + 1 < request.hops.count ? request.hops[number + 1].service : nil
      return (request.hops[number].kind, next.map { proxies[request.hops[number].service].outboundPorts[$0] })
    }
    request.contexts = try await TracedApplications.send(
      request.path, to: proxies[request.hops[0].service].inboundPort, headers: request.headers, hops: hops)
    #expect(request.contexts.count == request.hops.count, "\(request.description)")
    if case .tracer = request.caller {
      #expect(request.contexts[0].trace == request.trace, "\(request.description)")
      let isShared = services[request.hops[0].service].isShared
      let own = isShared ? request.contexts[0].span : request.contexts[0].parent
      #expect(own == request.span, "\(request.description)")
    }
  }

  /// Sends what the callers report, after the proxies' reports have begun to come.
  private static func report(_ requests: [Request], to system: TracingSystem) async throws {
    let spans = DocumentValue.array(requests.compactMap(\.report))
    let answer = try await HTTPProbe.post(
      port: system.controlPlane.ports.collector, "/api/v2/spans", spans.json(.compact))
    #expect(answer?.status == 202)
  }

  /// Each call counts once.
  private static func checkCalls(_ requests: [Request], in system: TracingSystem) async throws {
    let now = Int(Date().timeIntervalSince1970 * 1_000) + 60_000
    let answer = try await HTTPProbe.get(
      port: system.controlPlane.ports.collector, "/api/v2/dependencies?endTs=\(now)&lookback=3600000")
    var found: [String: Int] = [:]
    for link in try DocumentValue(json: answer?.body ?? []).array ?? [] {
      found["\(link["parent"]?.string ?? "") > \(link["child"]?.string ?? "")"] = Int(link["callCount"]?.number ?? 0)
    }
    var expected: [String: Int] = [:]
    for request in requests {
      let visited = request.hops.map { services[$0.service].name }
      for (from, to) in zip(visited, visited.dropFirst()) { expected["\(from) > \(to)", default: 0] += 1 }
      if request.report != nil { expected["browser > \(visited[0])", default: 0] += 1 }
    }
    #expect(found == expected)
  }

  /// Every service is said to pass the trace on, and to call nobody else.
  private static func checkPropagation(_ system: TracingSystem) async throws {
    let answer = try await HTTPProbe.get(port: system.controlPlane.ports.collector, "/api/propagation")
    let found = try DocumentValue(json: answer?.body ?? [])["services"]?.array ?? []
    let names = Set(services.map(\.name))
    // The callers' tracers do not say whom they call.
    #expect(Set(found.compactMap { $0["service"]?.string }) == names.union(["browser"]))
    for service in found where service["service"] != "browser" {
      #expect(service["verdict"] == "forwards", "\(service)")
      let callees = Set((service["callees"]?.array ?? []).compactMap { $0["service"]?.string })
      #expect(callees == names, "\(service)")
    }
  }

  // MARK: Changes

  @Test("proxies whose backends change their forms share whole traces before and after")
  func changes() async throws {
    try await TracingSystem.run { system in
      let rounds: [(web: String, api: String, is128Bit: Bool)] = [
        ("httpJson", "auto", false), ("auto", "httpJson", true), ("httpProto", "auto", false),
      ]
      for (number, round) in rounds.enumerated() {
        let services = [("web", round.web), ("api", round.api)].map {
          Service(name: $0, apiVersion: $1, isShared: true, is128Bit: round.is128Bit)
        }
        try await system.controlPlane.apply(Self.mesh(services, system.embeddedURL))
        for service in services {
          try await system.proxy(service.name).waitForTracing("\(service)") { tracing in
            let provider = tracing["provider"]?["typed_config"]
            return provider?["collector_endpoint_version"]?.string == service.endpointVersion
              && (provider?["trace_id_128bit"]?.bool ?? false) == service.is128Bit
          }
        }
        let path = "/round-\(number)"
        try await system.call(path, times: 25)
        let ids = try await eventually("25 whole traces of \(path)") {
          let spans = try await system.controlPlane.spans(path: path)
          return spans.count >= 50 ? Set(spans.map(\.traceID)) : nil
        }
        #expect(ids.count == 25, "\(round)")
        for id in ids {
          var found = try await Self.tree(id, in: system)
          for index in found.indices { found[index].id = nil }
          #expect(
            found == [
              Node(service: "web", kind: "CLIENT", parent: -1), Node(service: "api", kind: "SERVER", parent: 0),
            ], "\(round)")
        }
      }
    }
  }
}
