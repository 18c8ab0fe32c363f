import MeshControl
import Synchronization

/// Looks up the host names of receivers before they are asked.
///
/// The HTTP client resolves one name after the other. A name whose servers do not answer would keep all others waiting, and the
/// questions would pile up. So only a name that resolves gets there.
final class NameLookups: Sendable {
  enum Outcome: Sendable {
    case found
    case unknown
    /// Too many names are being looked up.
    case refused
  }

  private let lookup: AddressResolver.Lookup
  /// The names that are being looked up, with those that wait for them.
  private let running = Mutex<[String: [AsyncStream<Outcome>.Continuation]]>([:])

  /// How many names are looked up at once: as many as there are receivers, so that no name keeps another one waiting.
  private static let limit = 256

  init(_ lookup: @escaping AddressResolver.Lookup) { self.lookup = lookup }

  /// Looks up a name, or waits for the lookup that runs.
  ///
  /// - Returns: `nil` if the task is cancelled before that.
  func resolve(_ name: String) async -> Outcome? {
    let (outcomes, outcome) = AsyncStream<Outcome>.makeStream()
    let (isRunning, isRefused) = running.withLock { names in
      if names[name] == nil, names.count >= Self.limit { return (false, true) }
      names[name, default: []].append(outcome)
      return (names[name]?.count != 1, false)
    }
    if isRefused { return .refused }
    if !isRunning {
      lookup(name) { [self] address in
        for waiting in running.withLock({ $0.removeValue(forKey: name) }) ?? [] {
          waiting.yield(address == nil ? .unknown : .found)
          waiting.finish()
        }
      }
    }
    return await outcomes.first { _ in true }
  }
}
