import Dispatch
import Glibc
import Synchronization

/// Whether the program was asked to end (SIGTERM, SIGINT) while it copies: it then removes what it has begun. A second request ends it
/// at once.
final class Interruption: Sendable {
  /// The error of work that was interrupted.
  struct Interrupted: Error, CustomStringConvertible {
    var description: String { "interrupted; nothing was changed" }
  }

  private let isRequested = Atomic(false)
  /// Dispatch's sources may be used by several threads; their type does not say so.
  private nonisolated(unsafe) var sources: [any DispatchSourceSignal] = []

  init(signals: [Int32] = [SIGTERM, SIGINT]) {
    sources = signals.map { signal in
      let source = DispatchSource.makeSignalSource(signal: signal, queue: .global())
      source.setEventHandler { [weak self] in
        if self?.request() == false { _exit(128 &+ signal) }
      }
      source.resume()
      return source
    }
  }

  deinit { for source in sources { source.cancel() } }

  /// Asks for the end.
  ///
  /// - Returns: whether nobody has before.
  @discardableResult
  func request() -> Bool { !isRequested.exchange(true, ordering: .relaxed) }

  /// Throws ``Interrupted`` once the program was asked to end.
  func check() throws { if isRequested.load(ordering: .relaxed) { throw Interrupted() } }
}
