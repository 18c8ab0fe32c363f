import Glibc

/// A name that one process on the machine has, for as long as the object lives.
///
/// It is one of Linux's abstract namespace of sockets (unix(7)), which the system takes back when the process ends in
/// any way. Children do not inherit it.
public final class AbstractName: Sendable {
  private let descriptor: Int32

  /// Takes a name.
  ///
  /// - Parameter name: 107 bytes at most.
  /// - Returns: `nil` when another has it, or there is no descriptor for it.
  public init?(_ name: String) {
    descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    // The leading zero byte makes the name an abstract one.
    let bytes = [0] + Array(name.utf8)
    guard descriptor >= 0, bytes.count <= MemoryLayout.size(ofValue: address.sun_path) else { return nil }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
    let length = socklen_t(MemoryLayout<sa_family_t>.size + bytes.count)
    let isBound = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, length) == 0 }
    }
    // The descriptor is closed when the object, which is complete by now, goes.
    guard isBound else { return nil }
  }

  deinit { if descriptor >= 0 { close(descriptor) } }
}
