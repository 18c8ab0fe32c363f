import CSpawn
import Glibc
import SystemErrors

/// The signals by which a person or a supervisor asks this process to end, as a sequence.
///
/// From ``install(_:)`` on they no longer end the process by themselves. There is one sequence, for one reader.
public struct TerminationSignals: AsyncSequence, Sendable {
  private let stream: AsyncStream<ProcessSignal>

  /// Begins to take the signals; those that come from now on are kept until they are read.
  ///
  /// - Throws: ``SpawnError`` when the system has no room for a thread or a pipe.
  public static func install(
    _ signals: [ProcessSignal] = [.interrupt, .terminate, .hangUp]
  ) throws(SpawnError) -> TerminationSignals {
    let (stream, continuation) = AsyncStream<ProcessSignal>.makeStream(bufferingPolicy: .bufferingNewest(8))
    var ends: (read: Int32, write: Int32) = (-1, -1)
    var error = kuma_pipe(&ends.read, &ends.write)
    if error == 0 {
      _ = fcntl(ends.write, F_SETFL, O_NONBLOCK)
      error = startReading(ends.read, continuation)
    }
    for signal in signals where error == 0 { error = kuma_redirect_signal(signal.rawValue, ends.write) }
    guard error == 0 else {
      throw SpawnError(
        code: .noRoom, message: "signals cannot be taken: \(SystemError(error))", errorNumber: error)
    }
    return TerminationSignals(stream: stream)
  }

  /// Each signal as it comes.
  public func makeAsyncIterator() -> AsyncStream<ProcessSignal>.Iterator { stream.makeAsyncIterator() }

  /// What the reading thread, which lives as long as the process, needs.
  private final class Reading: Sendable {
    let descriptor: Int32
    let continuation: AsyncStream<ProcessSignal>.Continuation

    init(descriptor: Int32, continuation: AsyncStream<ProcessSignal>.Continuation) {
      self.descriptor = descriptor
      self.continuation = continuation
    }

    func run() {
      var byte: UInt8 = 0
      while true {
        let count = read(descriptor, &byte, 1)
        if count == 1 { continuation.yield(ProcessSignal(rawValue: Int32(byte))) }
        if count == 0 || (count < 0 && errno != EINTR) { return continuation.finish() }
      }
    }
  }

  private static func startReading(
    _ descriptor: Int32, _ continuation: AsyncStream<ProcessSignal>.Continuation
  ) -> Int32 {
    let context = Unmanaged.passRetained(Reading(descriptor: descriptor, continuation: continuation))
    var thread = pthread_t()
    let error = kuma_thread_start(
      &thread,
      { context in
        if let context { Unmanaged<Reading>.fromOpaque(context).takeRetainedValue().run() }
        return nil
      }, context.toOpaque())
    if error == 0 { pthread_detach(thread) } else { context.release() }
    return error
  }
}
