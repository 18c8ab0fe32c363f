import Foundation

/// A connection that posts, as plainly as can be, so that little of the machine is spent on it.
final class HTTPSender {
  private let descriptor: Int32

  init(port: Int) throws {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = UInt16(port).bigEndian
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    let isConnected = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
      }
    }
    guard isConnected else {
      close(descriptor)
      throw BenchmarkFailure(description: "nobody listens at port \(port)")
    }
  }

  deinit { close(descriptor) }

  /// Posts bodies from several connections, each on a thread of its own; each body must be accepted.
  ///
  /// - Parameter goesOn: asked after each body whether all are to be posted again and again; without it, they are not.
  static func post(
    _ bodies: [[UInt8]], type: String = "application/json", port: Int, connections: Int,
    while goesOn: (@Sendable () -> Bool)? = nil
  ) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      for sender in 0..<connections {
        group.addTask {
          try await onThread {
            let connection = try HTTPSender(port: port)
            repeat {
              for number in stride(from: sender, to: bodies.count, by: connections) {
                try connection.post(bodies[number], type: type, to: "/api/v2/spans")
                if let goesOn, !goesOn() { return }
              }
            } while goesOn != nil
          }
        }
      }
      try await group.waitForAll()
    }
  }

  /// Does something that blocks on a thread of its own.
  private static func onThread(_ work: @escaping @Sendable () throws -> Void) async throws {
    try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
      Thread.detachNewThread { continuation.resume(with: Result(catching: work)) }
    }
  }

  /// Gets a page; the answer is the last on the connection.
  func get(_ path: String) throws -> [UInt8] {
    try sendAll(Array("GET \(path) HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n".utf8))
    var answer: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = recv(descriptor, &buffer, buffer.count, 0)
      guard count > 0 else { break }
      answer += buffer.prefix(count)
    }
    guard answer.starts(with: "HTTP/1.1 200".utf8), let end = answer.firstRange(of: Array("\r\n\r\n".utf8)) else {
      throw BenchmarkFailure(description: "the collector answered \(String(decoding: answer, as: UTF8.self))")
    }
    return Array(answer[end.upperBound...])
  }

  /// Posts a body, which must be accepted.
  func post(_ body: [UInt8], type: String, to path: String) throws {
    let head =
      "POST \(path) HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: \(type)\r\n"
      + "content-length: \(body.count)\r\n\r\n"
    try sendAll(Array(head.utf8) + body)
    // An accepted request has no body in its answer: it ends with its head.
    var answer: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 4096)
    while !answer.suffix(4).elementsEqual("\r\n\r\n".utf8) {
      let count = recv(descriptor, &buffer, buffer.count, 0)
      try BenchmarkFailure.unless(count > 0, "the collector has closed the connection")
      answer += buffer.prefix(count)
    }
    try BenchmarkFailure.unless(
      answer.starts(with: "HTTP/1.1 202".utf8), "the collector answered \(String(decoding: answer, as: UTF8.self))")
  }

  private func sendAll(_ request: [UInt8]) throws {
    var sent = 0
    while sent < request.count {
      let count = request.withUnsafeBytes { bytes in
        let rest = UnsafeRawBufferPointer(rebasing: bytes[sent...])
        return send(descriptor, rest.baseAddress, rest.count, Int32(MSG_NOSIGNAL))
      }
      try BenchmarkFailure.unless(count > 0, "the collector has closed the connection")
      sent += count
    }
  }
}
