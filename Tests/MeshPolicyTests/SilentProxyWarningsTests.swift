import MeshModel
import MeshPolicy
import Testing

/// Warnings about proxies that a policy applies to and that leave no spans nevertheless.
@Suite struct SilentProxyWarningsTests {
  /// A mesh with a policy `t` for all proxies.
  private static func index(_ proxies: [String: Dataplane], selector: String? = "service=*") -> MeshIndex {
    var change = MeshIndex.Change()
    let backend = TracingBackend(name: "z", zipkin: ZipkinConf(url: "http://z:9411/api/v2/spans"))
    change.mesh = Mesh(tracing: Mesh.Tracing(defaultBackend: "z", backends: [backend]))
    for (name, proxy) in proxies { change.dataplanes[name] = proxy }
    if let selector { change.policies["t"] = (TrafficTrace([selector]), Timestamp(seconds: 1)) }
    var index = MeshIndex(name: "m")
    _ = index.apply(change)
    return index
  }

  private static let web = Dataplane(inbounds: ["service=web protocol=http"], outbounds: ["api"])

  private static func downgrade(_ reasons: String, meant: String = "http") -> String {
    "Service \"api\" is handled as TCP, and requests to it will leave no spans at its callers: \(reasons), while others "
      + "speak \(meant)."
  }

  @Test("a proxy without an HTTP listener") func silent() {
    let one = Self.index(["p": Dataplane(inbounds: ["service=db"]), "web": Self.web])
    let expected =
      "TrafficTrace \"t\" applies to a data plane proxy that has no HTTP listener and will leave no spans: \"p\". Set the "
      + "tag kuma.io/protocol to http, http2 or grpc."
    #expect(one.warnings(aboutPolicy: "t") == [expected])
    #expect(one.warnings(aboutProxy: "p") == [expected])
    #expect(one.warnings(aboutProxy: "web").isEmpty)
    #expect(one.warnings(aboutProxy: "nobody").isEmpty)
    #expect(one.warnings(aboutPolicy: "nothing").isEmpty)
  }

  @Test("many of them are counted") func many() {
    let proxies = Dictionary(uniqueKeysWithValues: (1...9).map { ("p\($0)", Dataplane(inbounds: ["service=db"])) })
    #expect(
      Self.index(proxies).warnings(aboutPolicy: "t") == [
        "TrafficTrace \"t\" applies to 9 data plane proxies that have no HTTP listener and will leave no spans: \"p1\", "
          + "\"p2\", \"p3\", \"p4\", \"p5\" and 4 more. Set the tag kuma.io/protocol to http, http2 or grpc."
      ])
  }

  @Test("a gateway is told of the services that it calls, as its own tag cannot be HTTP") func gateway() throws {
    let index = Self.index(["edge": Dataplane(gateway: "service=edge")])
    let expected =
      "TrafficTrace \"t\" applies to a gateway that calls no service over HTTP and will leave no spans: \"edge\". List the "
      + "services in networking.outbound, and set the tag kuma.io/protocol to http, http2 or grpc in the Dataplanes of "
      + "those services; a gateway's own tag cannot be."
    #expect(index.warnings(aboutPolicy: "t") == [expected])
    #expect(index.warnings(aboutProxy: "edge") == [expected])
    // What it would be refused for is not advised anywhere.
    let refused = Resource(mesh: "m", name: "edge", spec: Dataplane(gateway: "service=edge protocol=http").spec)
    #expect(refused.violations().contains { $0.description.contains("other values than tcp are not allowed") })

    var calling = Dataplane(gateway: "service=edge")
    calling.networking?.outbound = [Dataplane.Outbound(port: 10_001, tags: [TagName.service: "api"])]
    let silent = Self.index(["edge": calling, "api": Dataplane(inbounds: ["service=api"])])
    #expect(
      try #require(silent.explanation(for: "edge")).summary
        == "Not traced: the one listener does not see HTTP; set the tag kuma.io/protocol in the Dataplanes of the services "
        + "that it calls.")
    let both = Self.index(["edge": Dataplane(gateway: "service=edge"), "db": Dataplane(inbounds: ["service=db"])])
    #expect(both.warnings(aboutPolicy: "t").count == 2)
  }

  @Test("a mesh without backends is not told to choose a default") func noBackends() {
    let warnings = PolicyWarnings.backend(of: TrafficTrace(["service=*"]), name: "t", mesh: Mesh(), meshName: "m")
    #expect(
      warnings == [
        "TrafficTrace \"t\" names no tracing backend, and mesh \"m\" has no tracing.defaultBackend. Nothing will be traced; "
          + "add a backend to the mesh and make it the default."
      ])
  }

  @Test("a proxy that serves TCP and calls HTTP leaves spans") func caller() {
    let index = Self.index([
      "worker": Dataplane(inbounds: ["service=worker protocol=tcp"], outbounds: ["api"]),
      "api": Dataplane(inbounds: ["service=api protocol=http"]),
    ])
    #expect(index.warnings(aboutPolicy: "t").isEmpty)
  }

  @Test("no policy, no warning", arguments: [nil, "service=other"])
  func unconcerned(selector: String?) {
    let index = Self.index(
      [
        "web": Self.web, "api-1": Dataplane(inbounds: ["service=api protocol=http"]),
        "api-2": Dataplane(inbounds: ["service=api"]),
      ], selector: selector)
    for proxy in ["web", "api-1", "api-2"] { #expect(index.warnings(aboutProxy: proxy).isEmpty) }
    #expect(index.warnings(aboutPolicy: "t").isEmpty)
  }

  @Test(
    "the proxy that keeps its service from HTTP is named",
    arguments: [
      (["service=api protocol=http", "service=api"], "data plane proxy \"api-1\" has no tag kuma.io/protocol", "http"),
      (
        ["service=api protocol=tcp", "service=api protocol=http"],
        "data plane proxy \"api-0\" has kuma.io/protocol \"tcp\"", "http"
      ),
      (
        ["service=api protocol=http2", "service=api protocol=http", "service=api protocol=http2"],
        "data plane proxy \"api-1\" has kuma.io/protocol \"http\"", "http2"
      ),
      (
        ["service=api protocol=grpc", "service=api", "service=api protocol=tcp"],
        "data plane proxy \"api-1\" has no tag kuma.io/protocol, data plane proxy \"api-2\" has kuma.io/protocol \"tcp\"",
        "grpc"
      ),
    ])
  func downgraded(api: [String], reasons: String, meant: String) {
    var proxies = ["web": Self.web]
    for (number, tags) in api.enumerated() {
      // A second inbound, so that the proxies leave spans of their own.
      proxies["api-\(number)"] = Dataplane(inbounds: [tags, "service=admin protocol=http"])
    }
    let index = Self.index(proxies)
    let expected = [Self.downgrade(reasons, meant: meant)]
    #expect(index.warnings(aboutPolicy: "t") == expected)
    #expect(index.warnings(aboutProxy: "web") == expected, "it calls the service")
    #expect(index.warnings(aboutProxy: "api-0") == expected, "it offers the service")
  }

  @Test("all of one kind are no downgrade", arguments: [["tcp", "tcp"], ["http2", "grpc"]])
  func agreed(protocols: [String]) {
    var proxies = ["web": Self.web]
    for (number, name) in protocols.enumerated() {
      proxies["api-\(number)"] = Dataplane(
        inbounds: ["service=api protocol=\(name)", "service=admin protocol=http"])
    }
    #expect(Self.index(proxies).warnings(aboutPolicy: "t").isEmpty)
  }

  @Test("a downgrade ends when the proxy at fault is mended or gone", arguments: [true, false])
  func mended(isGone: Bool) {
    var index = Self.index([
      "web": Self.web, "api-1": Dataplane(inbounds: ["service=api protocol=http"]),
      "api-2": Dataplane(inbounds: ["service=api", "service=admin protocol=http"]),
    ])
    #expect(index.warnings(aboutPolicy: "t").count == 1)
    var change = MeshIndex.Change()
    change.dataplanes["api-2"] = .some(isGone ? nil : Dataplane(inbounds: ["service=api protocol=http"]))
    _ = index.apply(change)
    #expect(index.warnings(aboutPolicy: "t").isEmpty)
  }

  @Test("many services are named together") func manyServices() {
    var proxies = [
      "web": Dataplane(inbounds: ["service=web protocol=http"], outbounds: (1...8).map { "s\($0)" })
    ]
    for number in 1...8 {
      proxies["a\(number)"] = Dataplane(inbounds: ["service=s\(number) protocol=http"])
      proxies["b\(number)"] = Dataplane(inbounds: ["service=s\(number)", "service=x protocol=http"])
    }
    let warnings = Self.index(proxies).warnings(aboutPolicy: "t")
    #expect(warnings.count == 6)
    #expect(warnings.last == "The same holds for the services \"s6\", \"s7\", \"s8\".")
  }
}
