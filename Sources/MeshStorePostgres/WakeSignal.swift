#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Wakes a thread that polls a socket.
final class WakeSignal: Sendable {
  /// Readable once ``signal()`` was called.
  let descriptor: Int32
  private let sender: Int32

  init() throws(PostgresFailure) {
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else {
      throw PostgresFailure(.unreachable, "the process has reached its limit of open files; raise it (ulimit -n)")
    }
    descriptor = ends[0]
    sender = ends[1]
    for end in ends {
      _ = fcntl(end, F_SETFD, FD_CLOEXEC)
      _ = fcntl(end, F_SETFL, O_NONBLOCK)
    }
  }

  deinit {
    close(descriptor)
    close(sender)
  }

  /// Wakes the thread; if it is not waiting, its next wait returns at once.
  func signal() {
    var byte: UInt8 = 1
    // This fails only when the pipe is full, and then a wake-up is already pending.
    _ = write(sender, &byte, 1)
  }

  /// Clears pending signals.
  func clear() {
    var bytes = [UInt8](repeating: 0, count: 256)
    while read(descriptor, &bytes, bytes.count) == bytes.count {}
  }
}

/// What ended a wait.
enum WaitOutcome {
  case ready
  case woken
  case timedOut
}

/// Waits until a socket is ready, a signal arrives, or the deadline passes.
///
/// - Parameters:
///   - socket: the socket; a negative number means none.
///   - events: `POLLIN`, `POLLOUT` or both.
func wait(
  for socket: Int32, _ events: Int32 = POLLIN, or signal: WakeSignal?, until deadline: ContinuousClock.Instant?
) -> WaitOutcome {
  while true {
    var timeout: Int32 = -1
    if let deadline {
      let left = (deadline - .now) / .milliseconds(1)
      guard left > 0 else { return .timedOut }
      timeout = Int32(clamping: Int64(min(left, 1e9).rounded(.up)))
    }
    var descriptors = [
      pollfd(fd: socket, events: Int16(truncatingIfNeeded: events), revents: 0),
      pollfd(fd: signal?.descriptor ?? -1, events: Int16(truncatingIfNeeded: POLLIN), revents: 0),
    ]
    let count = poll(&descriptors, 2, timeout)
    // Interrupted by a signal of the process, or no event yet: the deadline decides.
    guard count > 0 else { continue }
    if descriptors[1].revents != 0 {
      signal?.clear()
      return .woken
    }
    return .ready
  }
}
