import MeshModel
import MeshPolicy
import MeshTestSupport
import OrderedCollections

/// The state of a mesh as plain dictionaries, changed at random; what an index of the same changes has to agree with.
struct RandomMesh {
  private var random: SeededGenerator
  private(set) var mesh: Mesh?
  private(set) var dataplanes: [String: Dataplane] = [:]
  private(set) var policies: [String: Resource] = [:]
  private(set) var serviceAddresses: [String: ServiceAddress] = [:]

  init(seed: UInt64) { random = SeededGenerator(seed: seed) }

  /// The policies under the plain rules.
  var matching: PlainMatching { PlainMatching(Array(policies.values)) }

  /// An index built from nothing, in another order than the changes came in.
  var index: MeshIndex {
    var index = MeshIndex(name: "default")
    for (name, dataplane) in dataplanes.sorted(by: { $0.key < $1.key }) {
      var change = MeshIndex.Change()
      change.dataplanes[name] = dataplane
      _ = index.apply(change)
    }
    var rest = MeshIndex.Change()
    if let mesh { rest.mesh = mesh }
    for (name, policy) in policies { rest.policies[name] = Self.entry(policy) }
    rest.serviceAddresses = serviceAddresses.mapValues { $0 }
    _ = index.apply(rest)
    return index
  }

  /// Writes a mesh, some policies and some proxies.
  mutating func fill(policies count: Int, proxies: Int) -> MeshIndex.Change {
    var change = MeshIndex.Change()
    replaceMesh(&change)
    for number in 0..<count { replacePolicy("p\(number)", &change) }
    for number in 0..<proxies { replaceProxy("d\(number)", &change) }
    return change
  }

  /// Changes something, sometimes several things at once.
  mutating func change() -> MeshIndex.Change {
    var change = MeshIndex.Change()
    for _ in 0..<(chance(4) ? 3 : 1) {
      let policy = "p\(number(6))"
      let proxy = "d\(number(8))"
      switch number(12) {
      case 0: replaceMesh(&change)
      case 1:
        mesh = nil
        change.mesh = .some(nil)
      case 2:
        policies[policy] = nil
        change.policies[policy] = .some(nil)
      case 3...5: replacePolicy(policy, &change)
      case 6:
        dataplanes[proxy] = nil
        change.dataplanes[proxy] = .some(nil)
      case 7...8: replaceServiceAddress(pick("web", "api", "db", "none"), &change)
      default: replaceProxy(proxy, &change)
      }
    }
    return change
  }

  // MARK: Parts

  private mutating func number(_ count: Int) -> Int { Int.random(in: 0..<count, using: &random) }

  /// Whether a chance of one in so many comes true.
  private mutating func chance(_ count: Int) -> Bool { number(count) == 0 }

  private mutating func pick(_ texts: String...) -> String { texts[number(texts.count)] }

  private mutating func replaceMesh(_ change: inout MeshIndex.Change) {
    var new = Mesh()
    if !chance(6) {
      var backends: [TracingBackend] = []
      if !chance(3) {
        let sampling: Double? = chance(2) ? nil : Double(number(3) * 50)
        backends.append(
          TracingBackend(name: "zipkin", sampling: sampling, zipkin: ZipkinConf(url: "http://z:9411/api/v2/spans")))
      }
      if !chance(3) { backends.append(TracingBackend(name: "agent", datadog: DatadogConf(address: "d", port: 8126))) }
      new.tracing = Mesh.Tracing(defaultBackend: pick("", "zipkin", "agent"), backends: backends)
    }
    if chance(4) { new.otherSections["networking"] = ["outbound": ["passthrough": false]] }
    mesh = new
    change.mesh = new
  }

  private mutating func replaceServiceAddress(_ service: String, _ change: inout MeshIndex.Change) {
    let address: ServiceAddress?
    switch number(4) {
    case 0: address = nil
    case 1: address = .headless
    case 2: address = .virtual(["10.96.0.1"], port: 80)
    default: address = .virtual([pick("10.96.0.2", "10.96.0.3"), "fd00:96::1"], port: 8080)
    }
    serviceAddresses[service] = address
    change.serviceAddresses[service] = .some(address)
  }

  private mutating func replacePolicy(_ name: String, _ change: inout MeshIndex.Change) {
    // An update keeps the time of creation, as a store does.
    let time = policies[name]?.creationTime ?? Timestamp(seconds: Int64(number(3)))
    let selectors = (0..<(chance(40) ? 0 : 1 + number(3))).map { _ in
      TrafficTrace.Selector(match: chance(40) ? [:] : selector())
    }
    let content = TrafficTrace(selectors: selectors, backend: pick("", "zipkin", "agent", "missing"))
    let policy = Resource(mesh: "default", name: name, spec: .trafficTrace(content), creationTime: time)
    policies[name] = policy
    change.policies[name] = Self.entry(policy)
  }

  private static func entry(_ policy: Resource) -> (content: TrafficTrace, creationTime: Timestamp)? {
    policy.content(TrafficTrace.self).map { ($0, policy.creationTime ?? Timestamp(seconds: 0)) }
  }

  private mutating func selector() -> [String: String] {
    var match: [String: String] = [:]
    for _ in 0..<(1 + number(3)) {
      switch number(4) {
      case 0: match[TagName.service] = pick("*", "web", "api", "db")
      case 1: match[TagName.protocol] = pick("*", "http", "tcp")
      case 2: match["version"] = pick("*", "v1", "v2", "V1")
      default: match["region"] = pick("*", "us", "eu", "")
      }
    }
    return match
  }

  private mutating func replaceProxy(_ name: String, _ change: inout MeshIndex.Change) {
    var networking = Dataplane.Networking(address: pick("10.0.0.1", "10.0.0.2", "fd00::1", "host.example"))
    if chance(6) { networking.advertisedAddress = pick("192.0.2.1", "outside.example") }
    if chance(6) {
      networking.gateway = Dataplane.Gateway(tags: proxyTags())
    } else {
      for index in 0..<(1 + number(3)) {
        var inbound = Dataplane.Inbound(port: UInt32(80 + index), tags: proxyTags())
        if chance(12) { inbound.port = Dataplane.Inbound.servicelessPort }
        if chance(6) { inbound.ready = chance(2) }
        if chance(12) { inbound.state = pick("Ready", "NotReady", "Ignored") }
        networking.inbound.append(inbound)
      }
    }
    for index in 0..<number(3) {
      networking.outbound.append(
        Dataplane.Outbound(port: UInt32(10_001 + index), tags: [TagName.service: pick("web", "api", "db", "none")]))
    }
    if chance(2) {
      networking.transparentProxying = Dataplane.TransparentProxying(
        redirectPortInbound: chance(8) ? 0 : 15_006, redirectPortOutbound: chance(8) ? 0 : 15_001,
        ipFamilyMode: chance(3) ? .ipv4 : .dualStack,
        directAccessServices: chance(4) ? [pick("web", "api", "*")] : [],
        reachableServices: chance(3) ? (0..<number(3)).map { _ in pick("web", "api", "db", "none") } : nil)
      if !chance(4) { networking.outbound = [] }
    }
    let dataplane = Dataplane(networking: networking)
    dataplanes[name] = dataplane
    change.dataplanes[name] = dataplane
  }

  private mutating func proxyTags() -> [String: String] {
    var tags = [TagName.service: pick("web", "api", "db")]
    if !chance(4) { tags[TagName.protocol] = pick("http", "tcp", "http2", "grpc") }
    if chance(2) { tags["version"] = pick("v1", "v2", "v3") }
    if chance(3) { tags[TagName.instance] = pick("a-0", "a-1") }
    if chance(2) { tags["region"] = chance(8) ? "" : pick("us", "eu") }
    return tags
  }
}
