import Foundation
import ProcessSupervisor
import Synchronization

/// Spans in over HTTP: the collector alone, the program as it is released, in a process of its own.
enum CollectorProcessBenchmark {
  private static let senders = 8

  static func run(_ context: BenchmarkContext) async throws -> [ResultRow] {
    var rows: [ResultRow] = []
    for (spans, requests) in [(5, context.size(20_000, quick: 6_000)), (100, context.size(10_000, quick: 1_000))] {
      rows += try await intake(context, spans: spans, requests: requests)
    }
    return rows
  }

  private static func intake(_ context: BenchmarkContext, spans: Int, requests: Int) async throws -> [ResultRow] {
    let folder = URL(fileURLWithPath: context.newPath("collector"))
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    var ports = FreePorts()
    let port = try ports.take()
    let child = try ChildProcess.start(
      ChildProcess.Command(
        Bundle.main.bundleURL.appending(path: "kuma-cp").path,
        [
          "collector", "--work-dir", folder.path, "--zipkin-port", "\(port)", "--otlp-port", "\(try ports.take())",
          "--log-level", "warning",
        ],
        output: .discard, errors: .file(folder.appending(path: "log").path)))
    do {
      try await poll("the collector to listen", every: .milliseconds(10)) {
        if let status = child.currentExitStatus { throw BenchmarkFailure(description: "kuma-cp collector \(status)") }
        return (try? HTTPSender(port: port)) != nil
      }
      let rows = try await measure(ServerProcess(id: child.pid), port: port, spans: spans, requests: requests)
      _ = await child.terminate(grace: .seconds(20))
      return rows
    } catch {
      _ = await child.terminate(grace: .seconds(20))
      throw error
    }
  }

  private static func measure(
    _ process: ServerProcess, port: Int, spans: Int, requests: Int
  ) async throws -> [ResultRow] {
    let load = SpanLoad(traces: requests * spans / SpanLoad.spansPerTrace)
    let before = process.residentBytes
    let (clock, cpu) = (ContinuousClock(), process.cpuSeconds)
    var wall = 0.0
    var parsing = 0.0
    // In parts, so that bodies of millions of spans need not be in memory at a time.
    let part = max(1, 50_000 / spans)
    for first in stride(from: 0, to: requests, by: part) {
      let bodies = load.bodies(first..<min(first + part, requests), spans: spans)
      let start = clock.now
      try await post(bodies, port: port)
      wall += (clock.now - start) / .seconds(1)
      parsing += try await Cost.of {
        for body in bodies { _ = try JSONSerialization.jsonObject(with: Data(body)) }
      }.cpu
    }
    try await process.isQuiet()
    let count = Double(requests * spans)
    let spent = (process.cpuSeconds - cpu) / count
    let shape = "over HTTP, \(spans) spans per POST"
    return [
      ResultRow(
        "http", "\(shape), CPU of the collector per span", in: .seconds,
        against: "JSONSerialization reading the same, no more",
        Comparison(values: [spent], baselines: [parsing / count])),
      ResultRow(
        "http", "\(shape), spans", in: .perSecond, against: "", Comparison(values: [count / wall])),
      ResultRow(
        "http", "\(shape), memory after \(Int(count)) spans", in: .bytes, against: "before the first one",
        Comparison(values: [process.residentBytes], baselines: [before])),
    ]
  }

  /// Posts bodies from several connections; each must be accepted.
  private static func post(_ bodies: [[UInt8]], port: Int) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      for sender in 0..<senders {
        group.addTask {
          try await onThread {
            let connection = try HTTPSender(port: port)
            for number in stride(from: sender, to: bodies.count, by: senders) {
              try connection.post(bodies[number], to: "/api/v2/spans")
            }
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
}

/// A connection that posts, as plainly as can be, so that little of the machine is spent on it.
private final class HTTPSender {
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

  /// Posts JSON, which must be accepted.
  func post(_ body: [UInt8], to path: String) throws {
    let head =
      "POST \(path) HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
      + "content-length: \(body.count)\r\n\r\n"
    let request = Array(head.utf8) + body
    var sent = 0
    while sent < request.count {
      let count = request.withUnsafeBytes { bytes in
        let rest = UnsafeRawBufferPointer(rebasing: bytes[sent...])
        return send(descriptor, rest.baseAddress, rest.count, Int32(MSG_NOSIGNAL))
      }
      try BenchmarkFailure.unless(count > 0, "the collector has closed the connection")
      sent += count
    }
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
}
