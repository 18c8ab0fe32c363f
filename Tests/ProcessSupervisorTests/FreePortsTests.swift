import Glibc
import ProcessSupervisor
import Testing

@Suite("Free ports")
struct FreePortsTests {
  @Test("a port on which somebody listens is replaced, and the replacement told")
  func taken() throws {
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    try #require(listener >= 0)
    defer { close(listener) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isListening = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(listener, $0, length) == 0 && listen(listener, 1) == 0 && getsockname(listener, $0, &length) == 0
      }
    }
    try #require(isListening)
    let port = Int(UInt16(bigEndian: address.sin_port))

    var ports = FreePorts()
    let instead = try ports.take(preferring: port)
    #expect(instead != port)
    #expect(ports.replaced.map(\.usual) == [port])
    #expect(ports.replaced.map(\.instead) == [instead])
  }

  @Test("no port is handed out twice")
  func unique() throws {
    var ports = FreePorts()
    let taken = try (0..<50).map { _ in try ports.take() }
    #expect(Set(taken).count == taken.count)
    let preferred = try ports.take(preferring: taken[0])
    #expect(!taken.contains(preferred))
  }
}
