import MeshModel

/// An address at which applications reach a service without naming it in their Dataplanes.
package struct ReachedService: Sendable, Hashable {
  /// The address to which an application connects.
  package var place: SocketAddress
  /// The service, or one instance of it.
  package var destination: ServiceEndpoints
}

/// What all proxies that may call every service of a mesh reach: one object for all of them, so that it is encoded once.
package final class SharedOutbounds: Sendable, Hashable {
  /// What is reached, each address once, in the order of the services' names.
  package let entries: [ReachedService]
  /// The entries without their endpoints.
  package let shape: OutboundShape
  /// The addresses of the entries.
  package let places: Set<SocketAddress>
  /// Whether any of the services is HTTP.
  package let hasHTTP: Bool
  private let hash: Int

  /// Nothing.
  static let none = SharedOutbounds([], after: nil)

  /// Makes a list of what is reached.
  ///
  /// - Parameters:
  ///   - entries: services in the order of their names. Of two at one address, the first one stays.
  ///   - earlier: the list that this one replaces; what is equal is shared with it.
  init(_ entries: some Sequence<ReachedService>, after earlier: SharedOutbounds?) {
    var places: Set<SocketAddress> = []
    self.entries = entries.filter { places.insert($0.place).inserted }
    self.places = places
    hasHTTP = self.entries.contains { $0.destination.serviceProtocol.isHTTP }
    let shape = OutboundShape(self.entries)
    self.shape = earlier?.shape == shape ? earlier?.shape ?? shape : shape
    var hasher = Hasher()
    hasher.combine(self.entries)
    hash = hasher.finalize()
  }

  /// Whether the entries are the same.
  package static func == (a: SharedOutbounds, b: SharedOutbounds) -> Bool {
    a === b || (a.hash == b.hash && a.entries == b.entries)
  }

  /// Hashes the precomputed hash.
  package func hash(into hasher: inout Hasher) { hasher.combine(hash) }
}

/// What listeners and clusters are made of, without the endpoints of the services: it stays the same while pods come and go.
package final class OutboundShape: Sendable, Hashable {
  private struct Line: Hashable {
    var place: SocketAddress
    var mesh: String
    var service: String
    var instance: String?
    var serviceProtocol: ServiceProtocol
  }

  private let lines: [Line]
  private let hash: Int

  init(_ entries: [ReachedService]) {
    lines = entries.map { entry in
      Line(
        place: entry.place, mesh: entry.destination.mesh, service: entry.destination.service,
        instance: entry.destination.instance, serviceProtocol: entry.destination.serviceProtocol)
    }
    var hasher = Hasher()
    hasher.combine(lines)
    hash = hasher.finalize()
  }

  /// Whether the lines are the same.
  package static func == (a: OutboundShape, b: OutboundShape) -> Bool {
    a === b || (a.hash == b.hash && a.lines == b.lines)
  }

  /// Hashes the precomputed hash.
  package func hash(into hasher: inout Hasher) { hasher.combine(hash) }
}
