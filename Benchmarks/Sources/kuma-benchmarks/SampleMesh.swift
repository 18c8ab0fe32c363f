import MeshModel

/// A mesh of equal services: each has the same number of proxies, and each proxy calls three other services.
struct SampleMesh {
  /// How many proxies there are.
  let proxies: Int
  /// How many services they offer.
  let services: Int

  /// The mesh, whose collector is asked at a path.
  static func mesh(path: String) -> Resource {
    Resource(name: "default", spec: .mesh(Mesh(tracing: tracing(path: path))))
  }

  /// One Zipkin backend, which is the default.
  static func tracing(path: String) -> Mesh.Tracing {
    let conf = ZipkinConf(url: "http://collector.example:9411\(path)")
    return Mesh.Tracing(
      defaultBackend: "jaeger", backends: [TracingBackend(name: "jaeger", sampling: 100, zipkin: conf)])
  }

  /// A policy that applies to all proxies.
  static let policy = Resource(
    mesh: "default", name: "everyone",
    spec: .trafficTrace(TrafficTrace(selectors: [.init(match: [TagName.service: "*"])], backend: "jaeger")))

  /// A proxy with one inbound.
  static func proxy(_ number: Int, tags: [String: String], calls services: [String]) -> Dataplane {
    let address = "10.\(number >> 16 & 255).\(number >> 8 & 255).\(number & 255)"
    let outbounds = services.enumerated().map { index, service in
      Dataplane.Outbound(port: UInt32(10_001 + index), tags: [TagName.service: service])
    }
    return Dataplane(
      networking: Dataplane.Networking(
        address: address, inbound: [Dataplane.Inbound(port: 8080, servicePort: 80, tags: tags)], outbound: outbounds))
  }

  /// All proxies as resources.
  var dataplanes: [Resource] {
    (0..<proxies).map { number in
      let service = number % services
      let tags = [
        TagName.service: "service-\(service)", TagName.protocol: "http", "version": "v\(number / services % 3)",
      ]
      let calls = (1...3).map { "service-\((service + $0) % services)" }
      return Resource(
        mesh: "default", name: "proxy-\(number)", spec: .dataplane(Self.proxy(number, tags: tags, calls: calls)))
    }
  }
}
