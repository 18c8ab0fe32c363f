import MeshPolicy
import Synchronization

/// Remembers the encodings that proxies share: each place holds the newest value and its encoding.
///
/// A place is a service or a backend of a mesh, so the memo is as large as the mesh and not as its history. When
/// places of things long gone fill it, it starts anew, which costs encoding again and changes nothing else.
final class EncodingMemo: Sendable {
  /// What an encoding is of.
  enum Place: Hashable {
    case serviceCluster(mesh: String, service: String)
    case endpoints(mesh: String, service: String)
    case tracingCluster(mesh: String, backend: String, isIPv6: Bool)
  }

  /// What an encoding was made from; equal sources have equal encodings.
  enum Source: Hashable {
    case serviceCluster(isHTTP2: Bool)
    case endpoints(ServiceEndpoints)
    case tracingCluster(TracingDestination.Receiver)
  }

  private struct State {
    var entries: [Place: (source: Source, resource: EncodedResource)] = [:]
    var encodings = 0
  }

  private let state = Mutex(State())
  private let capacity: Int

  init(capacity: Int = 100_000) { self.capacity = capacity }

  /// How many encodings were made, and not found here.
  var encodings: Int { state.withLock { $0.encodings } }

  /// The encoding of a source: the remembered one, or a new one that is then remembered.
  ///
  /// Two threads that miss at once both encode, and the second takes the first one's result, so that bytes are shared.
  func resource(
    _ place: Place, _ source: Source, encode: () throws(TranslationError) -> EncodedResource
  ) throws(TranslationError) -> EncodedResource {
    if let found = find(place, source) { return found }
    let made = try encode()
    return state.withLock { state in
      state.encodings &+= 1
      if let entry = state.entries[place], entry.source == source { return entry.resource }
      if state.entries.count >= capacity { state.entries.removeAll(keepingCapacity: true) }
      state.entries[place] = (source, made)
      return made
    }
  }

  private func find(_ place: Place, _ source: Source) -> EncodedResource? {
    state.withLock { state in
      guard let entry = state.entries[place], entry.source == source else { return nil }
      return entry.resource
    }
  }
}
