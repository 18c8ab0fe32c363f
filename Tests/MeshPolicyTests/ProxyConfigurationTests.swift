import MeshModel
import MeshPolicy
import Testing

/// What an index makes of proxies: the services that callers see, and the listeners.
@Suite struct ProxyConfigurationTests {
  private typealias Endpoint = ServiceEndpoints.Endpoint

  /// A mesh with a caller of `web` and other proxies.
  private static func index(_ proxies: [String: Dataplane]) -> MeshIndex {
    var change = MeshIndex.Change()
    change.mesh = Mesh()
    change.dataplanes["caller"] = Dataplane(inbounds: ["service=caller"], address: "10.0.0.9", outbounds: ["web"])
    for (name, proxy) in proxies { change.dataplanes[name] = proxy }
    var index = MeshIndex(name: "default")
    _ = index.apply(change)
    return index
  }

  private static func destination(_ index: MeshIndex) -> ServiceEndpoints? {
    index.configuration(for: "caller")?.outbounds.first?.destination
  }

  private static func web(_ edit: (inout Dataplane.Networking, inout Dataplane.Inbound) -> Void) -> Dataplane {
    var networking = Dataplane.Networking(address: "10.0.0.1")
    var inbound = Dataplane.Inbound(port: 80, tags: tags("service=web protocol=http"))
    edit(&networking, &inbound)
    networking.inbound = [inbound]
    return Dataplane(networking: networking)
  }

  @Test("the endpoint that a proxy contributes") func endpoints() {
    func endpoints(_ edit: (inout Dataplane.Networking, inout Dataplane.Inbound) -> Void) -> [String] {
      Self.destination(Self.index(["web": Self.web(edit)]))?.endpoints.map { "\($0.address):\($0.port)" } ?? ["none"]
    }
    #expect(endpoints { _, _ in } == ["10.0.0.1:80"])
    #expect(endpoints { _, inbound in inbound.address = "10.0.0.2" } == ["10.0.0.2:80"])
    #expect(endpoints { networking, _ in networking.advertisedAddress = "192.0.2.1" } == ["192.0.2.1:80"])
    #expect(
      endpoints { networking, inbound in
        inbound.address = "10.0.0.2"
        networking.advertisedAddress = "192.0.2.1"
      } == ["192.0.2.1:80"], "the advertised address is the one for others")
    #expect(endpoints { _, inbound in inbound.servicePort = 8080 } == ["10.0.0.1:80"])
    #expect(endpoints { networking, _ in networking.address = "fd00::1" } == ["fd00::1:80"])
    #expect(endpoints { networking, _ in networking.address = "web.example" } == [], "a name is not resolved yet")
    #expect(endpoints { networking, _ in networking.advertisedAddress = "web.example" } == [])
    #expect(endpoints { _, inbound in inbound.port = 49_151 } == [], "a pod without a service")
    #expect(endpoints { _, inbound in inbound.port = 0 } == [])
    #expect(endpoints { _, inbound in inbound.port = 65_536 } == [])
    #expect(endpoints { _, inbound in inbound.tags = tags("service=other") } == [])
    #expect(endpoints { _, inbound in inbound.tags = [:] } == [])
  }

  @Test(
    "health decides",
    arguments: [
      (Bool?.none, "", true), (true, "", true), (false, "", false), (nil, "Ready", true), (false, "Ready", true),
      (true, "NotReady", false), (true, "Ignored", false), (nil, "Ignored", false),
    ])
  func health(ready: Bool?, state: String, isHealthy: Bool) {
    let index = Self.index([
      "web": Self.web { _, inbound in
        inbound.ready = ready
        inbound.state = state
      }
    ])
    #expect(Self.destination(index)?.endpoints.isEmpty == !isHealthy)
    #expect(Self.destination(index)?.serviceProtocol == (isHealthy ? .http : .unknown))
    #expect(index.configuration(for: "web")?.inbounds.count == 1, "the listener stays")
  }

  @Test("an unhealthy endpoint has no say in the protocol") func protocolOfHealthy() {
    let proxies = [
      "web-1": Self.web { _, _ in }, "web-2": Self.web { _, inbound in inbound.tags = tags("service=web") },
    ]
    #expect(Self.destination(Self.index(proxies))?.serviceProtocol == .unknown)
    var healthy = proxies
    healthy["web-2"]?.networking?.inbound[0].ready = false
    #expect(Self.destination(Self.index(healthy))?.serviceProtocol == .http)
  }

  @Test("endpoints are sorted, and one service is one object for all callers") func sharing() {
    var proxies = ["other": Dataplane(inbounds: ["service=other"], outbounds: ["api", "web"])]
    for number in [3, 1, 2] {
      proxies["web-\(number)"] = Self.web { networking, _ in networking.address = "10.0.0.\(number)" }
    }
    let index = Self.index(proxies)
    #expect(Self.destination(index)?.endpoints.map(\.address) == ["10.0.0.1", "10.0.0.2", "10.0.0.3"])
    let outbounds = index.configuration(for: "other")?.outbounds ?? []
    #expect(outbounds.map(\.destination.service) == ["api", "web"])
    #expect(outbounds[0].destination.endpoints.isEmpty)
    #expect(outbounds[1].destination === Self.destination(index))
  }

  @Test("endpoints at one address have a total order") func order() {
    let a = Endpoint(address: "10.0.0.1", port: 80, tags: ["a": "1", "b": "2"])
    let b = Endpoint(address: "10.0.0.1", port: 80, tags: ["a": "1", "b": "3"])
    let c = Endpoint(address: "10.0.0.1", port: 81, tags: [:])
    let d = Endpoint(address: "10.0.0.2", port: 1, tags: [:])
    #expect([d, c, b, a].sorted() == [a, b, c, d])
    #expect(!(a < a))
    let service = ServiceEndpoints(mesh: "m", service: "s", endpoints: [d, b, a])
    #expect(service == ServiceEndpoints(mesh: "m", service: "s", endpoints: [a, d, b]))
    #expect(service != ServiceEndpoints(mesh: "m", service: "s", endpoints: [a, d]))
    #expect(service != ServiceEndpoints(mesh: "n", service: "s", endpoints: [a, d, b]))
    #expect(service != ServiceEndpoints(mesh: "m", service: "t", endpoints: [a, d, b]))
  }

  @Test("listeners of a proxy") func listeners() throws {
    var networking = Dataplane.Networking(address: "10.0.0.1")
    networking.inbound = [
      Dataplane.Inbound(port: 80, servicePort: 8080, tags: tags("service=web protocol=HTTP")),
      Dataplane.Inbound(port: 81, serviceAddress: "127.0.0.1", address: "10.0.0.2", tags: tags("service=api")),
      Dataplane.Inbound(port: 49_151, tags: tags("service=none")),
      Dataplane.Inbound(port: 82, address: "not.an.address", tags: tags("service=name")),
      Dataplane.Inbound(port: 83, servicePort: 70_000, tags: tags("service=beyond")),
    ]
    networking.outbound = [
      Dataplane.Outbound(port: 10_001, tags: tags("service=db")),
      Dataplane.Outbound(port: 10_002, address: "127.0.0.2", tags: tags("service=db")),
      Dataplane.Outbound(port: 0, tags: tags("service=db")), Dataplane.Outbound(port: 10_003, tags: [:]),
    ]
    let index = Self.index(["proxy": Dataplane(networking: networking)])
    let configuration = try #require(index.configuration(for: "proxy"))
    #expect(configuration.proxy == ProxyID(mesh: "default", name: "proxy"))
    #expect(configuration.identifyingService == "api", "the first by name, whatever becomes of it")
    #expect(!configuration.isIPv6)
    #expect(
      configuration.inbounds.map { "\($0.address):\($0.port)→\($0.workloadAddress):\($0.workloadPort) \($0.service)" }
        == ["10.0.0.1:80→10.0.0.1:8080 web", "10.0.0.2:81→127.0.0.1:81 api"])
    #expect(configuration.inbounds.map(\.serviceProtocol) == [.http, .unknown])
    #expect(configuration.outbounds.map { "\($0.address):\($0.port)" } == ["127.0.0.1:10001", "127.0.0.2:10002"])
    #expect(configuration.outbounds[0].callerTags[TagName.service] == ["web", "api", "none", "name", "beyond"])
    #expect(configuration.tracing == nil)
    #expect(index.configuration(for: "nobody") == nil)
  }

  @Test("the identifying service") func identifyingService() {
    #expect(Dataplane(gateway: "service=edge").identifyingService == "edge")
    #expect(Dataplane(inbounds: ["service=web", "service=api"]).identifyingService == "api")
    #expect(Dataplane(networking: nil).identifyingService == "unknown")
  }

  @Test(
    "node ids",
    arguments: [
      ("default.web", "default", "web"), ("m.web-1.namespace", "m", "web-1.namespace"), ("m..", "m", "."),
    ])
  func nodeID(text: String, mesh: String, name: String) {
    #expect(ProxyID(nodeID: text) == ProxyID(mesh: mesh, name: name))
    #expect(ProxyID(nodeID: text)?.description == text)
  }

  @Test("texts that are no node ids", arguments: ["", "web", ".", ".web", "default.", "default"])
  func noNodeID(text: String) { #expect(ProxyID(nodeID: text) == nil) }

  @Test("proxies are sorted by mesh, then name") func proxyOrder() {
    let sorted = [("a", "z"), ("b", "a"), ("b", "b")].map { ProxyID(mesh: $0.0, name: $0.1) }
    #expect(sorted.reversed().sorted() == sorted)
  }
}
