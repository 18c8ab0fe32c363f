import Foundation
import MeshPolicy
import Synchronization

/// A cache of the encodings that proxies share: each place holds the newest value and its encoding.
///
/// A place is a service, a backend, or what the replicas of a service have in common, so the size of the cache follows
/// the mesh, not its history. When obsolete places fill it, it is cleared; the only cost is encoding again.
final class EncodingMemo: Sendable {
  /// The key of an encoding.
  enum Place: Hashable {
    case serviceCluster(mesh: String, name: String)
    case endpoints(mesh: String, name: String)
    /// Not all Envoys of a mesh add fields to reports.
    case tracingCluster(mesh: String, name: String, isIPv6: Bool, hasHeaders: Bool)
    case tracingSecrets(mesh: String, name: String, hasHeaders: Bool)
    /// The application of an inbound, independent of the mesh.
    case localCluster(name: String, address: String, port: UInt16)
    /// What replicas that call a service at the same address and report spans in the same form have in common.
    case outboundListener(
      mesh: String, service: String, address: String, port: UInt16, isBound: Bool, callerTags: [String: Set<String>],
      TracingDestination.ZipkinFormat?)
    /// The filter chain of an inbound, which names no address.
    case inboundFilter(mesh: String, service: String, cluster: String, TracingDestination.ZipkinFormat?)
    /// An instance of a service.
    case endpoint(ServiceEndpoints.Endpoint)
    /// The listeners of what all unrestricted proxies of a mesh reach, for replicas that report spans in the same form.
    case sharedListeners(
      mesh: String, takesIPv6: Bool, callerTags: [String: Set<String>], TracingDestination.ZipkinFormat?)
    case sharedClusters(mesh: String)
    case sharedEndpoints(mesh: String)
    /// The listeners of endpoints that are reached by their own addresses.
    case directListeners(mesh: String)
  }

  /// The input of an encoding; equal sources have equal encodings.
  enum Source: Hashable {
    case serviceCluster(isHTTP2: Bool)
    case endpoints(ServiceEndpoints)
    case tracingCluster(CollectorAddress)
    case tracingSecrets(CollectorAddress, CollectorAccess)
    case localCluster(isHTTP2: Bool, isCaptured: Bool)
    case shared(SharedOutbounds)
    case shape(OutboundShape)
    case sharedListeners(OutboundShape, TracingDestination?, identifyingService: String)
    case places([SocketAddress])
    /// A listener, or a part of one.
    case listener(ServiceProtocol, TracingDestination?, identifyingService: String)
    /// The place alone determines the encoding.
    case place
  }

  /// An encoded part of a resource.
  typealias Part = Data

  private enum Encoding {
    case resource(EncodedResource)
    case part(Part)
    case set(ResourceSet)
  }

  private struct State {
    var entries: [Place: (source: Source, encoding: Encoding)] = [:]
    var encodings = 0
  }

  private let state = Mutex(State())
  private let capacity: Int

  init(capacity: Int = 100_000) { self.capacity = capacity }

  /// The number of cache misses.
  var encodings: Int { state.withLock { $0.encodings } }

  /// The encoded resource of a source: the cached one, or a new one, which is then cached.
  func resource(
    _ place: Place, _ source: Source, encode: () throws(TranslationError) -> EncodedResource
  ) throws(TranslationError) -> EncodedResource {
    if case .resource(let found) = find(place, source) { return found }
    let made = try encode()
    guard case .resource(let kept) = keep(.resource(made), place, source) else { return made }
    return kept
  }

  /// The encoded part of a source, cached in the same way.
  func part(
    _ place: Place, _ source: Source, encode: () throws(TranslationError) -> Part
  ) throws(TranslationError) -> Part {
    if case .part(let found) = find(place, source) { return found }
    let made = try encode()
    guard case .part(let kept) = keep(.part(made), place, source) else { return made }
    return kept
  }

  /// The resources of a source as one set, cached in the same way.
  func set(
    _ place: Place, _ source: Source, encode: () throws(TranslationError) -> [EncodedResource]
  ) throws(TranslationError) -> ResourceSet {
    if case .set(let found) = find(place, source) { return found }
    let made = ResourceSet(try encode())
    guard case .set(let kept) = keep(.set(made), place, source) else { return made }
    return kept
  }

  private func find(_ place: Place, _ source: Source) -> Encoding? {
    state.withLock { state in
      guard let entry = state.entries[place], entry.source == source else { return nil }
      return entry.encoding
    }
  }

  /// If two threads miss at once, both encode, and the second uses the first one's result, so that bytes are shared.
  private func keep(_ made: Encoding, _ place: Place, _ source: Source) -> Encoding {
    state.withLock { state in
      state.encodings &+= 1
      if let entry = state.entries[place], entry.source == source { return entry.encoding }
      if state.entries.count >= capacity { state.entries.removeAll(keepingCapacity: true) }
      state.entries[place] = (source, made)
      return made
    }
  }
}
