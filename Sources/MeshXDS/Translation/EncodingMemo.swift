import Foundation
import MeshPolicy
import Synchronization

/// Remembers the encodings that proxies share: each place holds the newest value and its encoding.
///
/// A place is a service, a backend, or what the replicas of a service have in common, so the memo is as large as the
/// mesh and not as its history. When places of things long gone fill it, it is cleared, which costs encoding again and
/// changes nothing else.
final class EncodingMemo: Sendable {
  /// What an encoding is of.
  enum Place: Hashable {
    case serviceCluster(mesh: String, service: String)
    case endpoints(mesh: String, service: String)
    case tracingCluster(mesh: String, backend: String, isIPv6: Bool)
    /// The application of an inbound; nothing of a mesh is in it.
    case localCluster(name: String, address: String, port: UInt16)
    /// What replicas that call a service at the same address have in common.
    case outboundListener(
      mesh: String, service: String, address: String, port: UInt16, callerTags: [String: Set<String>])
    /// The filter chain of an inbound, which names no address.
    case inboundFilter(mesh: String, service: String, cluster: String)
    /// An instance of a service.
    case endpoint(ServiceEndpoints.Endpoint)
  }

  /// What an encoding was made from; equal sources have equal encodings.
  enum Source: Hashable {
    case serviceCluster(isHTTP2: Bool)
    case endpoints(ServiceEndpoints)
    case tracingCluster(TracingDestination.Receiver)
    case localCluster(isHTTP2: Bool)
    /// A listener, or a part of one.
    case listener(ServiceProtocol, TracingDestination?, identifyingService: String)
    /// Something that its place says all of.
    case place
  }

  /// An encoded part of a resource.
  typealias Part = Data

  private enum Encoding {
    case resource(EncodedResource)
    case part(Part)
  }

  private struct State {
    var entries: [Place: (source: Source, encoding: Encoding)] = [:]
    var encodings = 0
  }

  private let state = Mutex(State())
  private let capacity: Int

  init(capacity: Int = 100_000) { self.capacity = capacity }

  /// How many encodings were made, and not found here.
  var encodings: Int { state.withLock { $0.encodings } }

  /// The resource that a source is encoded as: the remembered one, or a new one that is then remembered.
  func resource(
    _ place: Place, _ source: Source, encode: () throws(TranslationError) -> EncodedResource
  ) throws(TranslationError) -> EncodedResource {
    if case .resource(let found) = find(place, source) { return found }
    let made = try encode()
    guard case .resource(let kept) = keep(.resource(made), place, source) else { return made }
    return kept
  }

  /// The same for a part of a resource.
  func part(
    _ place: Place, _ source: Source, encode: () throws(TranslationError) -> Part
  ) throws(TranslationError) -> Part {
    if case .part(let found) = find(place, source) { return found }
    let made = try encode()
    guard case .part(let kept) = keep(.part(made), place, source) else { return made }
    return kept
  }

  private func find(_ place: Place, _ source: Source) -> Encoding? {
    state.withLock { state in
      guard let entry = state.entries[place], entry.source == source else { return nil }
      return entry.encoding
    }
  }

  /// Of two threads that miss at once both encode, and the second takes the first one's result, so that bytes are shared.
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
