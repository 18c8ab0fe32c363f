import Glibc
import ProcessSupervisor
import TestSupport
import Testing

@Suite("Free ports")
struct FreePortsTests {
  @Test("a port that somebody has is replaced, and the replacement told", arguments: [true, false])
  func taken(listens: Bool) throws {
    let occupied = try OccupiedPort(listens: listens)
    defer { withExtendedLifetime(occupied) {} }
    let port = occupied.number
    var ports = FreePorts()
    let instead = try ports.take(preferring: port)
    #expect(instead != port)
    #expect(ports.replaced.map(\.usual) == [port])
    #expect(ports.replaced.map(\.instead) == [instead])
  }

  @Test("no port is handed out twice in a process")
  func unique() throws {
    var ports = FreePorts()
    var others = FreePorts()
    let taken = try (0..<50).flatMap { _ in [try ports.take(), try others.take()] }
    #expect(Set(taken).count == taken.count)
    let preferred = try ports.take(preferring: taken[0])
    #expect(!taken.contains(preferred))
  }

  @Test("a name belongs to one until it is given back")
  func names() throws {
    var name = AbstractName("kuma-trace/tests/\(getpid())")
    #expect(name != nil)
    withExtendedLifetime(name) { #expect(AbstractName("kuma-trace/tests/\(getpid())") == nil) }
    name = nil
    #expect(AbstractName("kuma-trace/tests/\(getpid())") != nil)
    #expect(AbstractName(String(repeating: "x", count: 108)) == nil)
  }
}
