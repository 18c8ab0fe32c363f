import Foundation
import MeshModel
import MeshPolicy
import MeshStore
import MeshXDS
import Synchronization

/// The way from a store's change to the snapshots of all proxies, made of the control plane's own stages. What connects
/// them there, an actor of the program kuma-cp, is a few lines here.
final class ConfigurationPath {
  /// Whether proxies share encodings.
  enum Encoding {
    /// One translator for all, as in the control plane.
    case shared
    /// A new translator for each proxy and change, which knows of no other's encodings.
    case alone
  }

  private let store = MemoryStore()
  private var changes: ResourceChanges.Iterator
  private var index = MeshIndex(name: "default")
  private let translator = EnvoyTranslator()
  private let cache = SnapshotCache()
  private let encoding: Encoding
  private let wakeUps = Counter()

  private final class Counter: Sendable {
    let count = Atomic(0)
  }

  /// Fills a store and computes every proxy once. Each proxy has a stream that waits for its snapshots.
  init(_ mesh: SampleMesh, encoding: Encoding) async throws {
    self.encoding = encoding
    changes = store.changes().makeAsyncIterator()
    _ = await changes.next()
    _ = try store.put(SampleMesh.mesh(path: "/api/v2/spans"), if: .always)
    _ = try store.put(SampleMesh.policy, if: .always)
    for dataplane in mesh.dataplanes {
      let wakeUps = wakeUps
      _ = cache.watch(Self.id(dataplane.name)) { wakeUps.count.wrappingAdd(1, ordering: .relaxed) }
      _ = try store.put(dataplane, if: .always)
    }
    let pushed = try await takeIn()
    try BenchmarkFailure.unless(
      pushed == mesh.proxies, "\(mesh.proxies) proxies should have got a configuration, but \(pushed) have")
  }

  /// Writes a resource and brings every proxy that it concerns up to date.
  ///
  /// - Returns: how many proxies there was something to push to.
  func write(_ resource: Resource) async throws -> Int {
    _ = try store.put(resource, if: .always)
    return try await takeIn()
  }

  private func takeIn() async throws -> Int {
    let before = wakeUps.count.load(ordering: .relaxed)
    guard let set = await changes.next() else { throw BenchmarkFailure(description: "the store has no changes") }
    var change = MeshIndex.Change()
    for resource in set.written {
      switch resource.spec {
      case .mesh(let mesh): change.mesh = .some(mesh)
      case .trafficTrace(let policy):
        change.policies[resource.name] = .some((policy, resource.creationTime ?? Timestamp(seconds: 0)))
      case .dataplane(let dataplane): change.dataplanes[resource.name] = .some(dataplane)
      case .dataplaneInsight, .secret, .globalSecret: break
      }
    }
    for name in index.apply(change).affected {
      guard let configuration = index.configuration(for: name) else { continue }
      let translator = encoding == .shared ? self.translator : EnvoyTranslator()
      let earlier = cache.snapshot(for: Self.id(name))
      cache.set(ProxySnapshot(try translator.resources(for: configuration), after: earlier), for: Self.id(name))
    }
    return wakeUps.count.load(ordering: .relaxed) - before
  }

  private static func id(_ name: String) -> String { ProxyID(mesh: "default", name: name).description }

  /// What a proxy is to hold.
  func snapshot(of name: String) -> ProxySnapshot? { cache.snapshot(for: Self.id(name)) }

  /// In how many places of memory the cluster of the first service is, over all proxies that have it.
  func encodings() -> Int {
    var places: Set<UnsafeRawPointer> = []
    for name in index.dataplaneNames {
      guard let cluster = snapshot(of: name)?.clusters["service-0"] else { continue }
      cluster.bytes.withUnsafeBytes { if let start = $0.baseAddress { places.insert(start) } }
    }
    return places.count
  }

  /// The bytes of all proxies' resources: counted for each proxy, and each buffer in memory counted once.
  func bytes() -> (all: Int, distinct: Int) {
    var all = 0
    var buffers: [UnsafeRawPointer: Int] = [:]
    for name in index.dataplaneNames {
      guard let snapshot = snapshot(of: name) else { continue }
      for set in [snapshot.clusters, snapshot.endpoints, snapshot.listeners] {
        for resource in set.resources {
          all += resource.bytes.count
          resource.bytes.withUnsafeBytes { if let start = $0.baseAddress { buffers[start] = $0.count } }
        }
      }
    }
    return (all, buffers.values.reduce(0, +))
  }
}
