import Glibc
import TestSupport
import Testing

@testable import Systemd

@Suite("Sockets that the service manager has opened")
struct InheritedSocketsTests {
  private struct Failed: Error {}

  /// Sockets of 127.0.0.1 whose descriptors follow one another. No number is taken that another test may have.
  private func open(_ count: Int32 = 1, listening: Bool = true) throws -> (first: Int32, ports: [Int]) {
    let made = try (0..<count).map { _ in try open(listens: listening) }
    defer { for socket in made { close(socket.descriptor) } }
    next: for first in Int32(300)..<10_000 {
      for index in 0..<count {
        // The first free number from the wanted one on.
        let copy = fcntl(made[Int(index)].descriptor, F_DUPFD, first + index)
        guard copy != first + index else { continue }
        for earlier in 0..<index { close(first + earlier) }
        if copy >= 0 { close(copy) }
        continue next
      }
      return (first, made.map(\.port))
    }
    throw Failed()
  }

  private func open(listens: Bool) throws -> (descriptor: Int32, port: Int) {
    let made = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isBound = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(made, $0, length) == 0 && getsockname(made, $0, &length) == 0
      }
    }
    guard isBound, !listens || listen(made, 1) == 0 else { throw Failed() }
    return (made, Int(UInt16(bigEndian: address.sin_port)))
  }

  private func sockets(_ variables: [String: String], first: Int32) -> InheritedSockets {
    InheritedSockets(environment: variables, process: 7, first: first)
  }

  @Test("a server takes the one that listens where its settings say, once")
  func taken() throws {
    let (first, ports) = try open(2)
    let (port, second) = (ports[0], ports[1])
    defer { for index in 0..<2 { close(first + Int32(index)) } }
    let sockets = sockets(
      ["LISTEN_PID": "7", "LISTEN_FDS": "2", "LISTEN_FDNAMES": "kuma-cp.socket:kuma-cp.socket"], first: first)
    #expect(sockets.problems.isEmpty)
    #expect(fcntl(first, F_GETFD) & FD_CLOEXEC != 0, "child processes must not inherit it")
    #expect(try sockets.take(for: "HTTP API", host: "127.0.0.1", port: port) == first)
    #expect(try sockets.take(for: "HTTP API", host: "127.0.0.1", port: port) == nil)
    #expect(try sockets.take(for: "HTTP API", host: "127.0.0.1", port: 0) == nil)
    #expect(sockets.unused == ["kuma-cp.socket, which listens at 127.0.0.1:\(second)"])
    #expect(try sockets.take(for: "diagnostics", host: "localhost", port: second) == first + 1)
    #expect(sockets.unused.isEmpty)
  }

  @Test("a socket at another address than that of the settings is refused")
  func mismatch() throws {
    let (first, ports) = try open()
    let port = ports[0]
    defer { close(first) }
    let sockets = sockets(["LISTEN_PID": "7", "LISTEN_FDS": "1"], first: first)
    let error = #expect(throws: InheritedSockets.Mismatch.self) {
      try sockets.take(for: "HTTP API", host: "0.0.0.0", port: port)
    }
    #expect(try #require(error).description.contains("ListenStream="))
  }

  @Test("a descriptor that does not listen, or is not open, is reported and not used")
  func odd() throws {
    let (first, ports) = try open(listening: false)
    defer { close(first) }
    let idle = sockets(["LISTEN_PID": "7", "LISTEN_FDS": "1", "LISTEN_FDNAMES": "a"], first: first)
    #expect(idle.problems == ["descriptor \(first) (a) is not a listening stream socket: it is not used"])
    #expect(try idle.take(for: "HTTP API", host: "127.0.0.1", port: ports[0]) == nil)
    // A number that no test can have opened.
    let none = Int32.max - 1
    let absent = sockets(["LISTEN_PID": "7", "LISTEN_FDS": "1", "LISTEN_FDNAMES": "b"], first: none)
    #expect(absent.problems == ["descriptor \(none) (b) is not open: it is not used"])
  }

  @Test(
    "a value that is odd is reported, and one for another process is not ours",
    arguments: [
      (["LISTEN_FDS": "1"], 1), (["LISTEN_FDS": "1", "LISTEN_PID": "me"], 1),
      (["LISTEN_FDS": "-1", "LISTEN_PID": "7"], 1), (["LISTEN_FDS": "70000", "LISTEN_PID": "7"], 1),
      (["LISTEN_FDS": "x", "LISTEN_PID": "7"], 1), (["LISTEN_FDS": "1", "LISTEN_PID": "8"], 0), ([:], 0),
      (["LISTEN_FDS": "0", "LISTEN_PID": "7"], 0),
      (["LISTEN_FDS": "0", "LISTEN_PID": "7", "LISTEN_FDNAMES": "a:b"], 1),
    ])
  func variables(_ variables: [String: String], problems: Int) {
    let sockets = sockets(variables, first: 330)
    #expect(sockets.problems.count == problems)
    #expect(sockets.unused.isEmpty)
  }
}
