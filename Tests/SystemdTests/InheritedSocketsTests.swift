import Glibc
import TestSupport
import Testing

@testable import Systemd

@Suite("Sockets that the service manager has opened")
struct InheritedSocketsTests {
  /// A socket of 127.0.0.1 at a high number, where a test may put descriptors.
  private func open(_ first: Int32, listens: Bool = true) throws -> Int {
    struct Failed: Error {}
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
    guard isBound, !listens || listen(made, 1) == 0, dup2(made, first) == first else { throw Failed() }
    close(made)
    return Int(UInt16(bigEndian: address.sin_port))
  }

  private func sockets(_ variables: [String: String], first: Int32) -> InheritedSockets {
    InheritedSockets(environment: variables, process: 7, first: first)
  }

  @Test("a server takes the one that listens where its settings say, once")
  func taken() throws {
    let port = try open(300)
    let second = try open(301)
    defer { close(300); close(301) }
    let sockets = sockets(
      ["LISTEN_PID": "7", "LISTEN_FDS": "2", "LISTEN_FDNAMES": "kuma-cp.socket:kuma-cp.socket"], first: 300)
    #expect(sockets.problems.isEmpty)
    #expect(fcntl(300, F_GETFD) & FD_CLOEXEC != 0, "child processes must not inherit it")
    #expect(try sockets.take(for: "HTTP API", host: "127.0.0.1", port: port) == 300)
    #expect(try sockets.take(for: "HTTP API", host: "127.0.0.1", port: port) == nil)
    #expect(try sockets.take(for: "HTTP API", host: "127.0.0.1", port: 0) == nil)
    #expect(sockets.unused == ["kuma-cp.socket, which listens at 127.0.0.1:\(second)"])
    #expect(try sockets.take(for: "diagnostics", host: "localhost", port: second) == 301)
    #expect(sockets.unused.isEmpty)
  }

  @Test("a socket at another address than that of the settings is refused")
  func mismatch() throws {
    let port = try open(310)
    defer { close(310) }
    let sockets = sockets(["LISTEN_PID": "7", "LISTEN_FDS": "1"], first: 310)
    let error = #expect(throws: InheritedSockets.Mismatch.self) {
      try sockets.take(for: "HTTP API", host: "0.0.0.0", port: port)
    }
    #expect(try #require(error).description.contains("ListenStream="))
  }

  @Test("a descriptor that does not listen, or is not open, is reported and not used")
  func odd() throws {
    let port = try open(320, listens: false)
    defer { close(320) }
    let sockets = sockets(["LISTEN_PID": "7", "LISTEN_FDS": "2", "LISTEN_FDNAMES": "a:b"], first: 320)
    #expect(
      sockets.problems == [
        "descriptor 320 (a) is not a listening stream socket: it is not used",
        "descriptor 321 (b) is not open: it is not used",
      ])
    #expect(try sockets.take(for: "HTTP API", host: "127.0.0.1", port: port) == nil)
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
