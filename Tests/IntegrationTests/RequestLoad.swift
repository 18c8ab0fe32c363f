import Foundation
import Glibc
import Synchronization

/// Clients that send requests one after the other, each over its own connection, until they are told to stop.
///
/// Each request begins a trace with an id of its own, so that each can be looked for in a collector. No request is sent again:
/// one without an answer is counted as such.
final class RequestLoad: Sendable {
  /// What became of the requests.
  struct Outcome: Sendable {
    /// The trace ids of requests that were answered, by status.
    var answered: [Int: [String]] = [:]
    /// The trace ids of requests whose connection ended before the answer was complete.
    var unanswered: [String] = []
    /// How often which trouble left a request without an answer.
    var troubles: [String: Int] = [:]
    /// How many connections were made.
    var connections = 0

    /// The requests without an answer, for messages: how many, the first of them, and why.
    var unansweredWords: String {
      "\(unanswered.count) requests without an answer: \(unanswered.sorted().prefix(5)), \(troubles)"
    }
  }

  private struct State {
    var outcome = Outcome()
    var running: Int
    var isStopped = false
    var waiting: CheckedContinuation<Void, Never>?
  }

  private let state: Mutex<State>
  private let next: Atomic<UInt64>
  private let ports: [Int]

  /// Starts clients.
  ///
  /// - Parameters:
  ///   - ports: of 127.0.0.1; a client goes to the next one when nobody listens.
  ///   - clients: how long each client waits between an answer and its next request, in milliseconds.
  init(ports: [Int], clients: [Int]) {
    self.ports = ports
    state = Mutex(State(running: clients.count))
    next = Atomic(UInt64.random(in: 1..<(1 << 31)) << 32)
    for (number, pause) in clients.enumerated() {
      Thread.detachNewThread { [self] in
        run(ports.count > 1 ? number % ports.count : 0, pause: useconds_t(pause) * 1_000)
        state.withLock { state in
          state.running -= 1
          if state.running == 0 { state.waiting.take()?.resume() }
        }
      }
    }
  }

  /// How many requests have been answered so far.
  var answers: Int { state.withLock { $0.outcome.answered.values.reduce(0) { $0 + $1.count } } }

  /// Has the clients stop when their requests are answered.
  func stop() async -> Outcome {
    await withCheckedContinuation { continuation in
      state.withLock { state in
        state.isStopped = true
        if state.running == 0 { continuation.resume() } else { state.waiting = continuation }
      }
    }
    return state.withLock { $0.outcome }
  }

  // MARK: A client

  private func run(_ first: Int, pause: useconds_t) {
    var target = first
    var connection: Connection?
    while !state.withLock({ $0.isStopped }) {
      if connection == nil {
        connection = Connection(port: ports[target])
        guard connection != nil else {
          target = (target + 1) % ports.count
          usleep(2_000)
          continue
        }
        state.withLock { $0.outcome.connections += 1 }
      }
      let number = next.add(1, ordering: .relaxed).newValue
      let id = String(repeating: "0", count: max(0, 16 - String(number, radix: 16).count)) + String(number, radix: 16)
      let result = connection?.get("/load", traceID: id) ?? .trouble("no connection")
      state.withLock { state in
        switch result {
        case .answer(let status, _): state.outcome.answered[status, default: []].append(id)
        case .trouble(let what):
          state.outcome.unanswered.append(id)
          state.outcome.troubles[what, default: 0] += 1
        }
      }
      if case .answer(_, closes: false) = result {} else { connection = nil }
      if pause > 0 { usleep(pause) }
    }
  }

  /// What became of a request.
  private enum Result {
    case answer(status: Int, closes: Bool)
    case trouble(String)
  }

  /// A connection with one request at a time.
  private final class Connection {
    private let descriptor: Int32

    /// `nil` when nobody listens.
    init?(port: Int) {
      let made = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
      guard made >= 0 else { return nil }
      descriptor = made
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_port = in_port_t(port).bigEndian
      address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
      let status = withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          connect(made, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
        }
      }
      var limit = timeval(tv_sec: 60, tv_usec: 0)
      setsockopt(made, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
      guard status == 0 else { return nil }
    }

    deinit { close(descriptor) }

    /// The answer to a request, or why it is not complete.
    func get(_ path: String, traceID: String) -> Result {
      let request =
        "GET \(path) HTTP/1.1\r\nhost: load\r\nx-b3-traceid: \(traceID)\r\nx-b3-spanid: \(traceID)\r\nx-b3-sampled: 1\r\n\r\n"
      guard send(descriptor, request, request.utf8.count, Int32(MSG_NOSIGNAL)) == request.utf8.count else {
        return .trouble("not sent: \(String(cString: strerror(errno)))")
      }
      var text = ""
      var buffer = [UInt8](repeating: 0, count: 4_096)
      while true {
        let count = recv(descriptor, &buffer, buffer.count, 0)
        guard count > 0 else {
          let why = count == 0 ? "closed" : String(cString: strerror(errno))
          return .trouble("\(why) after \(text.prefix(40).debugDescription)")
        }
        text += String(decoding: buffer[..<count], as: UTF8.self)
        guard let end = text.firstRange(of: "\r\n\r\n") else { continue }
        let head = text[..<end.lowerBound].lowercased()
        guard let status = head.split(separator: " ").dropFirst().first.flatMap({ Int($0) }) else {
          return .trouble("no status in \(head.prefix(40).debugDescription)")
        }
        let length = Self.field("content-length", of: head).flatMap { Int($0) } ?? 0
        guard text[end.upperBound...].utf8.count >= length else { continue }
        return .answer(status: status, closes: Self.field("connection", of: head) == "close")
      }
    }

    private static func field(_ name: String, of head: String) -> Substring? {
      head.firstRange(of: "\r\n\(name): ").map { head[$0.upperBound...].prefix { $0 != "\r\n" } }
    }
  }
}
