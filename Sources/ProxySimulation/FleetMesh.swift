public import MeshModel

/// A mesh for fleets: services in a ring, each with the same number of proxies, one HTTP inbound and three outbounds
/// per proxy, and one policy for all. The first fifty proxies, whatever their number, are a team.
public struct FleetMesh: Sendable {
  /// The mesh's name.
  public let name: String
  /// How many proxies there are.
  public let proxyCount: Int
  /// How many services they belong to.
  public let serviceCount: Int
  /// How many services each proxy calls.
  public let outboundCount: Int

  /// Describes a mesh.
  public init(name: String = "fleet", proxies: Int, services: Int = 20, outbounds: Int = 3) {
    self.name = name
    proxyCount = proxies
    serviceCount = max(1, services)
    outboundCount = outbounds
  }

  /// The name of a proxy's Dataplane.
  public func proxyName(_ index: Int) -> String { "proxy-\(index)" }

  /// The node ids of all proxies.
  public var nodeIDs: [String] { (0..<proxyCount).map { "\(name).\(proxyName($0))" } }

  /// The name of a service.
  public func service(_ index: Int) -> String { "service-\(index % serviceCount)" }

  /// The mesh, with a backend whose path tells a revision.
  public func mesh(revision: Int = 0) -> Resource {
    Resource(
      name: name,
      spec: .mesh(
        Mesh(
          tracing: Mesh.Tracing(
            defaultBackend: "main",
            backends: [
              TracingBackend(
                name: "main", sampling: 100, zipkin: ZipkinConf(url: "http://127.0.0.1:9411/r\(revision)/spans")),
              TracingBackend(
                name: "other", sampling: 10, zipkin: ZipkinConf(url: "http://127.0.0.2:9411/api/v2/spans")),
            ]))))
  }

  /// The policy for all proxies.
  public var policy: Resource {
    policy("everything", match: [TagName.service: TrafficTrace.wildcard], backend: "main")
  }

  /// A policy.
  public func policy(_ name: String, match: [String: String], backend: String) -> Resource {
    Resource(
      mesh: self.name, name: name,
      spec: .trafficTrace(TrafficTrace(selectors: [TrafficTrace.Selector(match: match)], backend: backend)))
  }

  /// What the proxies of the team are selected by.
  public static let teamMatch = [TagName.service: TrafficTrace.wildcard, "team": "blue"]

  private static let teamSize = 50

  /// The proxies of the team.
  public var team: Set<Int> { Set(0..<min(proxyCount, Self.teamSize)) }

  /// A proxy's Dataplane.
  ///
  /// - Parameter revision: changes the port, and so the endpoint that others get.
  public func dataplane(_ index: Int, revision: Int = 0) -> Resource {
    let service = index % serviceCount
    var tags = [TagName.service: self.service(service), TagName.protocol: "http"]
    if index < Self.teamSize { tags["team"] = "blue" }
    return Resource(
      mesh: name, name: proxyName(index),
      spec: .dataplane(
        Dataplane(
          networking: Dataplane.Networking(
            address: "10.\(index >> 16 & 255).\(index >> 8 & 255).\(index & 255)",
            inbound: [
              Dataplane.Inbound(
                port: UInt32(8080 + revision % 1000), servicePort: 80, tags: tags)
            ],
            outbound: (1...max(1, outboundCount)).prefix(outboundCount).map { step in
              Dataplane.Outbound(port: UInt32(10_000 + step), tags: [TagName.service: self.service(service + step)])
            }))))
  }
}
