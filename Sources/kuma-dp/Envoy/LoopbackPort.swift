import Glibc
import ProcessSupervisor

/// A port of 127.0.0.1 that one run of this program has to itself among all runs on the machine.
///
/// Between choosing a port and Envoy's listening there is a moment in which another run would choose the same. So each
/// holds a name in the system's abstract namespace of sockets, which is as wide as that of ports, and which the system
/// takes back when the process ends in any way.
final class LoopbackPort: Sendable {
  /// The number.
  let number: UInt16
  private let reservation: Int32

  /// Takes a port.
  ///
  /// - Returns: `nil` when somebody listens at it, or another run has it.
  init?(_ number: UInt16) {
    guard Self.isFree(number) else { return nil }
    reservation = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    self.number = number
    guard reservation >= 0 else { return nil }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    // The leading zero byte makes the name an abstract one.
    let name = [0] + Array("kuma-dp/127.0.0.1:\(number)".utf8)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: name.prefix($0.count)) }
    let length = socklen_t(MemoryLayout<sa_family_t>.size + name.count)
    let isBound = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(reservation, $0, length) == 0 }
    }
    // The descriptor is closed when the object, which is complete by now, goes.
    guard isBound else { return nil }
  }

  deinit { if reservation >= 0 { close(reservation) } }

  /// Takes any port; `nil` when there is none.
  static func any() -> LoopbackPort? {
    var ports = FreePorts()
    for _ in 0..<100 {
      guard let number = try? UInt16(exactly: ports.take()) else { return nil }
      if let port = LoopbackPort(number) { return port }
    }
    return nil
  }

  /// Whether nobody listens at a port at the moment.
  static func isFree(_ port: UInt16) -> Bool { FreePorts.isFree(Int(port)) }
}
