import Foundation
import Glibc
import Synchronization

/// What a browser says and is told over its DevTools protocol, through the two pipes of `--remote-debugging-pipe`: JSON
/// texts that end with a zero byte.
public final class DevTools: Sendable {
  /// A command that the browser refused, or that it did not answer.
  public struct Failure: Error, CustomStringConvertible {
    /// What was wrong.
    public var description: String
  }

  /// JSON as it came, which is read where it is used.
  struct Message: Sendable {
    let data: Data
    var object: [String: Any] {
      (try? JSONSerialization.jsonObject(with: data)).flatMap { $0 as? [String: Any] } ?? [:]
    }
  }

  private struct State {
    var number = 0
    var waiters: [Int: CheckedContinuation<Message?, Never>] = [:]
    var events: [Message] = []
    var isClosed = false
  }

  private let state = Mutex(State())
  private let writing: Int32
  private let reading: Int32

  /// Takes over two descriptors.
  init(writing: Int32, reading: Int32) {
    self.writing = writing
    self.reading = reading
    Thread.detachNewThread { self.read() }
  }

  /// Sends a command and waits for its answer.
  func send(
    _ method: String, _ parameters: [String: any Sendable] = [:], session: String? = nil
  ) async throws -> [String: Any] {
    let number = state.withLock { state in
      state.number += 1
      return state.number
    }
    var command: [String: Any] = ["id": number, "method": method, "params": parameters]
    command["sessionId"] = session
    let bytes = try JSONSerialization.data(withJSONObject: command) + [0]
    let message = await withCheckedContinuation { continuation in
      let isClosed = state.withLock { state in
        if !state.isClosed { state.waiters[number] = continuation }
        return state.isClosed
      }
      if isClosed || !write(bytes) {
        let waiter = state.withLock { $0.waiters.removeValue(forKey: number) }
        (isClosed ? continuation : waiter)?.resume(returning: nil)
      }
    }
    guard let answer = message?.object else { throw Failure(description: "the browser ended during \(method)") }
    if let error = answer["error"] { throw Failure(description: "\(method): \(error)") }
    return answer["result"] as? [String: Any] ?? [:]
  }

  /// What the browser reported by itself so far.
  var events: [Message] { state.withLock { $0.events } }

  /// Ends the wait of all who wait: the browser has ended.
  func close() {
    let waiters = state.withLock { state in
      state.isClosed = true
      defer { state.waiters = [:] }
      return state.waiters.values
    }
    for waiter in waiters { waiter.resume(returning: nil) }
  }

  private func write(_ data: Data) -> Bool {
    data.withUnsafeBytes { buffer in
      var rest = buffer[...]
      while !rest.isEmpty {
        let count = Glibc.write(writing, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
        if count < 0, errno == EINTR { continue }
        guard count > 0 else { return false }
        rest = rest.dropFirst(count)
      }
      return true
    }
  }

  private func read() {
    var pending = Data()
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = Glibc.read(reading, &buffer, buffer.count)
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { break }
      pending.append(contentsOf: buffer[..<count])
      while let end = pending.firstIndex(of: 0) {
        deliver(Message(data: pending[pending.startIndex..<end]))
        pending = Data(pending[(end + 1)...])
      }
    }
    Glibc.close(reading)
    Glibc.close(writing)
    close()
  }

  private func deliver(_ message: Message) {
    let object = message.object
    guard let number = object["id"] as? Int else {
      state.withLock { $0.events.append(message) }
      return
    }
    let waiter = state.withLock { $0.waiters.removeValue(forKey: number) }
    waiter?.resume(returning: message)
  }
}
