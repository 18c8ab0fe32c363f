import CSpawn
import Glibc
import Synchronization
import SystemErrors

/// Reads the outputs of one child on a thread and delivers them as lines.
///
/// The child's end may be held open by processes that outlive it, so the end of the child is what ends the reading.
final class OutputReader: Sendable {
  /// Bytes of a line that are delivered as one.
  private static let lineLimit = 64 << 10

  private struct Source {
    var descriptor: Int32
    var deliver: @Sendable (String) -> Void
    var pending: [UInt8] = []
    var isOpen = true

    mutating func take(_ bytes: ArraySlice<UInt8>) {
      var rest = bytes
      while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
        pending += rest[..<end]
        emit()
        rest = rest[(end + 1)...]
      }
      pending += rest
      if pending.count >= OutputReader.lineLimit { emit() }
    }

    mutating func emit() {
      if pending.last == UInt8(ascii: "\r") { pending.removeLast() }
      deliver(String(decoding: pending, as: UTF8.self))
      pending.removeAll(keepingCapacity: true)
    }

    mutating func close() {
      guard isOpen else { return }
      if !pending.isEmpty { emit() }
      Glibc.close(descriptor)
      isOpen = false
    }
  }

  private let sources: Mutex<[Source]>
  /// A pipe on which nothing is sent: closing its second end tells the thread to stop.
  private let stop: (wait: Int32, tell: Int32)
  private let thread = Mutex<pthread_t?>(nil)

  init(_ outputs: [ChildDescriptors.ReadEnd], executable: String) throws(SpawnError) {
    sources = Mutex(outputs.map { Source(descriptor: $0.descriptor, deliver: $0.deliver) })
    var ends: (wait: Int32, tell: Int32) = (-1, -1)
    var error = kuma_pipe(&ends.wait, &ends.tell)
    stop = ends
    if error == 0 {
      var started = pthread_t()
      let context = Unmanaged.passRetained(self)
      error = kuma_thread_start(
        &started,
        { context in
          if let context { Unmanaged<OutputReader>.fromOpaque(context).takeRetainedValue().read() }
          return nil
        }, context.toOpaque())
      if error == 0 { thread.withLock { $0 = started } } else { context.release() }
    }
    guard error == 0 else {
      for descriptor in outputs.map(\.descriptor) + [ends.wait, ends.tell] where descriptor >= 0 {
        Glibc.close(descriptor)
      }
      throw SpawnError(
        code: .noRoom, message: "\(executable) cannot be started: \(SystemError(error))", errorNumber: error)
    }
  }

  /// Delivers what has been written so far, then ends.
  func finish() {
    let thread = thread.withLock { thread in
      defer { thread = nil }
      return thread
    }
    guard let thread else { return }
    close(stop.tell)
    pthread_join(thread, nil)
    close(stop.wait)
  }

  private func read() {
    sources.withLock { sources in
      var buffer = [UInt8](repeating: 0, count: 32 << 10)
      var isStopped = false
      while sources.contains(where: \.isOpen) {
        if !isStopped {
          var waits = sources.filter(\.isOpen).map { pollfd(fd: $0.descriptor, events: Int16(POLLIN), revents: 0) }
          waits.append(pollfd(fd: stop.wait, events: Int16(POLLIN), revents: 0))
          guard poll(&waits, nfds_t(waits.count), -1) > 0 else { continue }
          isStopped = waits.last.map { $0.revents != 0 } ?? false
        }
        for index in sources.indices where sources[index].isOpen {
          let count = Glibc.read(sources[index].descriptor, &buffer, buffer.count)
          if count > 0 {
            sources[index].take(buffer[..<count])
          } else if count == 0 || (errno == EAGAIN ? isStopped : errno != EINTR) {
            sources[index].close()
          }
        }
      }
    }
  }
}
