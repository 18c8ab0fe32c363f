import Foundation
import Glibc
import Synchronization

/// Requests at steady rates to many places, from one thread: each place has one connection with one request at a time, and one that is
/// still open when the next is due leaves that one out.
final class SteadyLoad: Sendable {
  /// Where requests go, and what they are.
  struct Target: Sendable {
    /// A port of 127.0.0.1.
    var port: Int
    /// How many requests are sent in a second.
    var rate = 5.0
    /// The path.
    var path = "/steady"
    /// Fields of the head beside `host`.
    var fields: [String: String] = [:]
    /// How many requests are sent; `nil` for no end.
    var count: Int?
  }

  /// What became of a target's requests.
  struct Outcome: Sendable {
    /// How many were sent.
    var sent = 0
    /// How many were answered, by status.
    var answered: [Int: Int] = [:]
    /// How many times the connection ended before the answer, or could not be made.
    var failed = 0
  }

  private struct State {
    var targets: [String: Target] = [:]
    var outcomes: [String: Outcome] = [:]
    var isStopped = false
  }

  private let state = Mutex(State())

  /// Begins without targets.
  init() {
    Thread.detachNewThread { [self] in run() }
  }

  /// Sends to a place from now on, in place of an earlier one of that name; to none when it is `nil`.
  func send(_ name: String, to target: Target?) { state.withLock { $0.targets[name] = target } }

  /// What has become of the requests to a place.
  func outcome(_ name: String) -> Outcome { state.withLock { $0.outcomes[name] ?? Outcome() } }

  /// What has become of all requests.
  var outcomes: [String: Outcome] { state.withLock { $0.outcomes } }

  /// Ends the thread.
  func stop() { state.withLock { $0.isStopped = true } }

  /// Whether somebody listens at a port of 127.0.0.1.
  static func isOpen(_ port: Int) -> Bool { Connection(port: port) != nil }

  // MARK: The thread

  private func run() {
    var connections: [String: Connection] = [:]
    var due: [String: Double] = [:]
    while true {
      let (targets, isStopped) = state.withLock { ($0.targets, $0.isStopped) }
      if isStopped { return }
      for name in connections.keys where targets[name]?.port != connections[name]?.port { connections[name] = nil }
      let now = Double(DispatchTime.now().uptimeNanoseconds) / 1e9
      for (name, target) in targets {
        step(name, target, &connections[name], isDue: (due[name] ?? 0) <= now) {
          // Spread, so that not all are sent at once; late ones are not made up for.
          let first = Double.random(in: 0..<1) / target.rate
          due[name] = due[name] == nil ? now + first : max(now, (due[name] ?? now) + 1 / target.rate)
        }
      }
      usleep(4_000)
    }
  }

  private func step(
    _ name: String, _ target: Target, _ connection: inout Connection?, isDue: Bool, _ schedule: () -> Void
  ) {
    switch connection?.poll() {
    case .answer(let status): note(name) { $0.answered[status, default: 0] += 1 }
    case .ended(isAwaiting: let isAwaiting):
      if isAwaiting { note(name) { $0.failed += 1 } }
      connection = nil
    case .nothing, nil: break
    }
    guard isDue else { return }
    schedule()
    if let count = target.count, outcome(name).sent >= count { return }
    if connection == nil { connection = Connection(port: target.port) }
    guard let open = connection else { return note(name) { $0.failed += 1 } }
    guard !open.isAwaiting else { return }
    let fields = target.fields.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)\r\n" }.joined()
    if open.send("GET \(target.path) HTTP/1.1\r\nhost: steady\r\n\(fields)\r\n") {
      note(name) { $0.sent += 1 }
    } else {
      note(name) { $0.failed += 1 }
      connection = nil
    }
  }

  private func note(_ name: String, _ change: (inout Outcome) -> Void) {
    state.withLock { change(&$0.outcomes[name, default: Outcome()]) }
  }

  /// A connection that never waits.
  private final class Connection {
    enum Event {
      case nothing
      case answer(Int)
      case ended(isAwaiting: Bool)
    }

    let port: Int
    private(set) var isAwaiting = false
    private let descriptor: Int32
    private var received: [UInt8] = []

    /// `nil` when nobody listens.
    init?(port: Int) {
      self.port = port
      descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_port = in_port_t(port).bigEndian
      address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
      let status = withUnsafePointer(to: &address) { [descriptor] pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
        }
      }
      guard status == 0 else { return nil }
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    func send(_ text: String) -> Bool {
      received = []
      isAwaiting = Glibc.send(descriptor, text, text.utf8.count, Int32(MSG_NOSIGNAL)) == text.utf8.count
      return isAwaiting
    }

    /// What has come since the last time.
    func poll() -> Event {
      var buffer = [UInt8](repeating: 0, count: 4_096)
      let count = recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
      if count < 0, errno == EAGAIN { return .nothing }
      guard count > 0 else { return .ended(isAwaiting: isAwaiting) }
      received += buffer[..<count]
      let text = String(decoding: received, as: UTF8.self)
      guard isAwaiting, let end = text.firstRange(of: "\r\n\r\n"),
        let status = text.split(separator: " ").dropFirst().first.flatMap({ Int($0) })
      else { return .nothing }
      let head = text[..<end.lowerBound].lowercased()
      let length = head.firstRange(of: "\r\ncontent-length: ").flatMap { found in
        Int(head[found.upperBound...].prefix { $0.isNumber })
      }
      guard text[end.upperBound...].utf8.count >= length ?? 0 else { return .nothing }
      isAwaiting = false
      return .answer(status)
    }
  }
}
