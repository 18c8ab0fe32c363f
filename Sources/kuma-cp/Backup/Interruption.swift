import Dispatch
import Foundation
import Synchronization

/// Whether the program was asked to end (SIGTERM, SIGINT, SIGHUP) while it copies: it then removes what it has begun. A second request
/// ends it at once.
final class Interruption: Sendable {
  /// The error of work that was interrupted.
  struct Interrupted: Error, CustomStringConvertible {
    var description: String { "interrupted; nothing was changed" }
  }

  private struct State {
    var isRequested = false
    /// What is removed before the program ends at once.
    var folders: [String] = []
    /// Called at the first request.
    var handlers: [@Sendable () -> Void] = []
  }

  private let state = Mutex(State())
  /// Dispatch's sources may be used by several threads; their type does not say so.
  private nonisolated(unsafe) var sources: [any DispatchSourceSignal] = []

  init(signals: [Int32] = [SIGTERM, SIGINT, SIGHUP].filter { !Interruption.isIgnored($0) }) {
    sources = signals.map { signal in
      let source = DispatchSource.makeSignalSource(signal: signal, queue: .global())
      source.setEventHandler { [weak self] in
        guard let self, !request() else { return }
        for folder in state.withLock({ $0.folders }) { try? FileManager.default.removeItem(atPath: folder) }
        _exit(128 &+ signal)
      }
      source.resume()
      return source
    }
  }

  deinit { for source in sources { source.cancel() } }

  /// Whether a signal is ignored, as `nohup` has it: then it stays so.
  private static func isIgnored(_ signal: Int32) -> Bool {
    var action = sigaction()
    return sigaction(signal, nil, &action) == 0
      && unsafeBitCast(action.__sigaction_handler, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self)
  }

  /// Asks for the end.
  ///
  /// - Returns: whether nobody has before.
  @discardableResult
  func request() -> Bool {
    let (isFirst, handlers) = state.withLock { state in
      defer { (state.isRequested, state.handlers) = (true, []) }
      return (!state.isRequested, state.handlers)
    }
    for handler in handlers { handler() }
    return isFirst
  }

  /// Throws ``Interrupted`` once the program was asked to end.
  func check() throws { if state.withLock({ $0.isRequested }) { throw Interrupted() } }

  /// Has a folder removed, with what is in it, also if the program ends at once.
  func remove(atTheEnd folder: String) { state.withLock { $0.folders.append(folder) } }

  /// Waits for work that does not look after requests itself, such as an answer of a database.
  ///
  /// - Throws: ``Interrupted`` as soon as the program is asked to end; the work may go on until it has. And what the work throws.
  func wait<Value: Sendable>(for work: @escaping @Sendable () async throws -> Value) async throws -> Value {
    let (results, continuation) = AsyncThrowingStream.makeStream(of: Value.self)
    let isRequested = state.withLock { state in
      state.handlers.append { continuation.finish(throwing: Interrupted()) }
      return state.isRequested
    }
    guard !isRequested else { throw Interrupted() }
    let task = Task {
      do {
        continuation.yield(try await work())
      } catch {
        continuation.finish(throwing: error)
      }
    }
    defer { task.cancel() }
    for try await result in results { return result }
    throw Interrupted()
  }
}
