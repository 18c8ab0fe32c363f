import CEpoll
import Foundation

/// The least that a push can be: bytes written to many sockets of this machine, and an answer read from each. No protocol,
/// no encryption, one thread on either side.
final class FanOut {
  private let count: Int
  private let payload: [UInt8]
  private let answerSize: Int
  private var servers: [Int32] = []
  private var clients: [Int32] = []

  /// Connects pairs of sockets.
  ///
  /// - Parameters:
  ///   - payload: how many bytes go to each.
  ///   - answer: how many come back.
  init(count: Int, payload: Int, answer: Int) throws {
    self.count = count
    self.payload = [UInt8](repeating: 0x61, count: max(1, payload))
    answerSize = answer
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(listener) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isBound = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(listener, $0, size) == 0 && listen(listener, 128) == 0 && getsockname(listener, $0, &size) == 0
      }
    }
    try BenchmarkFailure.unless(isBound, "no socket can be bound: \(String(cString: strerror(errno)))")
    for _ in 0..<count {
      let client = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
      let isConnected = withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(client, $0, size) == 0 }
      }
      let server = isConnected ? accept(listener, nil, nil) : -1
      try BenchmarkFailure.unless(server >= 0, "a socket cannot be connected: \(String(cString: strerror(errno)))")
      for descriptor in [client, server] {
        _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
        var on: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
      }
      clients.append(client)
      servers.append(server)
    }
  }

  deinit { for descriptor in servers + clients { close(descriptor) } }

  /// Sends once to all. The processor time is the sending side's.
  func push() throws -> Cost {
    let (clients, payload, answerSize) = (clients, payload, answerSize)
    let finished = DispatchSemaphore(value: 0)
    Thread.detachNewThread {
      Self.receive(payload.count, on: clients, answering: answerSize)
      finished.signal()
    }
    defer { finished.wait() }
    return try send()
  }

  private func send() throws -> Cost {
    let events = Poller(servers)
    let clock = ContinuousClock()
    let (start, cpu) = (clock.now, Self.threadTime)
    var sent = [Int](repeating: 0, count: count)
    var answered = [Int](repeating: 0, count: count)
    var missing = count
    func write(_ index: Int) throws {
      while sent[index] < payload.count {
        let written = payload.withUnsafeBytes { bytes in
          let rest = UnsafeRawBufferPointer(rebasing: bytes[sent[index]...])
          return Glibc.send(servers[index], rest.baseAddress, rest.count, Int32(MSG_NOSIGNAL))
        }
        if written > 0 {
          sent[index] += written
        } else if errno == EAGAIN {
          return
        } else {
          throw BenchmarkFailure(description: "a socket cannot be written: \(String(cString: strerror(errno)))")
        }
      }
    }
    for index in 0..<count { try write(index) }
    var buffer = [UInt8](repeating: 0, count: 4096)
    while missing > 0 {
      for index in events.wait() {
        try write(index)
        let size = read(servers[index], &buffer, buffer.count)
        guard size > 0 else { continue }
        answered[index] += size
        if answered[index] == answerSize { missing -= 1 }
      }
    }
    return Cost(wall: (clock.now - start) / .seconds(1), cpu: Self.threadTime - cpu)
  }

  private static func receive(_ size: Int, on sockets: [Int32], answering answerSize: Int) {
    let events = Poller(sockets)
    var received = [Int](repeating: 0, count: sockets.count)
    var missing = sockets.count
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    let answer = [UInt8](repeating: 0x62, count: answerSize)
    while missing > 0 {
      for index in events.wait() {
        let count = read(sockets[index], &buffer, buffer.count)
        guard count > 0 else { continue }
        received[index] += count
        guard received[index] == size else { continue }
        missing -= 1
        _ = write(sockets[index], answer, answer.count)
      }
    }
  }

  private static var threadTime: Double {
    var time = timespec()
    guard clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time) == 0 else { return 0 }
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }

  /// Which of many sockets can be read or, once they could not, written.
  private final class Poller {
    private let descriptor = bench_epoll_open()
    private var tags = [UInt64](repeating: 0, count: 256)

    init(_ sockets: [Int32]) {
      for (index, socket) in sockets.enumerated() { _ = bench_epoll_watch(descriptor, socket, UInt64(index)) }
    }

    deinit { close(descriptor) }

    func wait() -> [Int] {
      let count = bench_epoll_wait(descriptor, &tags, Int32(tags.count), 1000)
      return tags.prefix(Int(max(0, count))).map { Int($0) }
    }
  }
}
