import MeshModel
import MeshPolicy

/// What an application reaches through a proxy that takes its connections, worked out anew from the whole state: the rules in their
/// plainest form, against which the index is compared.
struct PlainReach {
  var dataplanes: [String: Dataplane]
  var addresses: [String: ServiceAddress]

  /// An outbound: where, and what is there.
  struct Line: Hashable, Comparable {
    var address: String
    var port: UInt16
    var service: String
    var instance: String?
    var endpoints: Set<String>

    static func < (a: Line, b: Line) -> Bool { (a.address, a.port) < (b.address, b.port) }
  }

  /// The outbounds of a proxy that lists none; `nil` when its Dataplane does not ask for them.
  func lines(of dataplane: Dataplane) -> [Line]? {
    guard let networking = dataplane.networking, networking.outbound.isEmpty, let section = Self.complete(networking)
    else { return nil }
    let services = section.reachableServices.map { Set($0) } ?? Set(addresses.keys)
    let own = Set(networking.inbound.map { "\(Self.address($0, networking)) \($0.port)" })
    var lines: [Line] = []
    for service in services.sorted() {
      for line in self.lines(of: service)
      where !lines.contains(where: { $0.address == line.address && $0.port == line.port }) { lines.append(line) }
    }
    return lines.filter { line in
      !own.contains("\(line.address) \(line.port)") && (section.ipFamilyMode != .ipv4 || !line.address.contains(":"))
    }
  }

  /// The addresses of endpoints that an application reaches directly.
  func direct(of dataplane: Dataplane) -> Set<String> {
    guard let networking = dataplane.networking, let section = Self.complete(networking) else { return [] }
    let services = Set(section.directAccessServices)
    return Set(
      offers.filter { (services.contains("*") || services.contains($0.service)) && Self.isIP($0.address) }.map {
        "\($0.address) \($0.port)"
      })
  }

  private struct Offer {
    var service: String
    var address: String
    var port: UInt32
    var tags: [String: String]
    var isHealthy: Bool
    var advertised: String
  }

  private static func complete(_ networking: Dataplane.Networking) -> Dataplane.TransparentProxying? {
    networking.transparentProxying.flatMap { $0.redirectPortInbound > 0 && $0.redirectPortOutbound > 0 ? $0 : nil }
  }

  private static func address(_ inbound: Dataplane.Inbound, _ networking: Dataplane.Networking) -> String {
    inbound.address.isEmpty ? networking.address : inbound.address
  }

  private static func isIP(_ text: String) -> Bool { text.contains(":") || text.first?.isNumber == true }

  private var offers: [Offer] {
    dataplanes.values.flatMap { dataplane -> [Offer] in
      guard let networking = dataplane.networking else { return [] }
      return networking.inbound.compactMap { inbound in
        let address = Self.address(inbound, networking)
        guard inbound.state != "Ignored", inbound.port != 49_151, let service = inbound.tags["kuma.io/service"] else {
          return nil
        }
        return Offer(
          service: service, address: address, port: inbound.port, tags: inbound.tags, isHealthy: inbound.isHealthy,
          advertised: networking.advertisedAddress.isEmpty ? address : networking.advertisedAddress)
      }
    }
  }

  private func lines(of service: String) -> [Line] {
    let all = offers.filter { $0.service == service }
    let offers = all.filter { Self.isIP($0.address) }
    guard let address = addresses[service], !offers.isEmpty else { return [] }
    switch address {
    case .virtual(let addresses, let port):
      let healthy = Set(
        all.filter { $0.isHealthy && Self.isIP($0.advertised) }.map { "\($0.advertised) \($0.port)" })
      return addresses.map { Line(address: $0, port: port, service: service, endpoints: healthy) }
    case .headless:
      func instance(_ offer: Offer) -> String { offer.tags["kuma.io/instance"] ?? "\(offer.address):\(offer.port)" }
      return Set(offers.map(instance)).sorted().flatMap { name in
        let members = offers.filter { instance($0) == name }
        let places = Set(members.map { "\($0.address) \($0.port)" })
        return places.sorted().map { place in
          let parts = place.split(separator: " ")
          return Line(
            address: String(parts[0]), port: UInt16(parts[1]) ?? 0, service: service, instance: name, endpoints: places)
        }
      }
    }
  }
}

extension ProxyConfiguration {
  /// The outbounds in the form of the plain rules.
  var reachLines: [PlainReach.Line] {
    allOutbounds.map { outbound in
      PlainReach.Line(
        address: outbound.address, port: outbound.port, service: outbound.destination.service,
        instance: outbound.destination.instance,
        endpoints: Set(outbound.destination.endpoints.map { "\($0.address) \($0.port)" }))
    }
  }
}
