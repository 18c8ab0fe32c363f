import Glibc
import SystemErrors

/// A port of 127.0.0.1 that nobody else gets for as long as the object lives.
///
/// Who connects to it is refused, unless it listens. A port that was merely free a moment ago may be somebody's by the
/// time it is asked.
package final class OccupiedPort: Sendable {
  /// The system has none, or refuses it.
  package struct Failure: Error, CustomStringConvertible {
    /// What the system says.
    package let description: String
  }

  /// The number.
  package let number: Int
  private let descriptor: Int32

  /// Takes any port.
  ///
  /// - Parameter listens: whether connections are taken, though never answered.
  /// - Throws: ``Failure``.
  package init(listens: Bool = false) throws {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isBound = withUnsafeMutablePointer(to: &address) { [descriptor] pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, length) == 0 && getsockname(descriptor, $0, &length) == 0
          && (!listens || listen(descriptor, 8) == 0)
      }
    }
    number = Int(UInt16(bigEndian: address.sin_port))
    // The descriptor is closed when the object, which is complete by now, goes.
    guard isBound else { throw Failure(description: SystemError.last.description) }
  }

  /// A descriptor of the same socket, for the caller to close.
  package func duplicate() -> Int32 { fcntl(descriptor, F_DUPFD_CLOEXEC, 3) }

  deinit { if descriptor >= 0 { close(descriptor) } }
}
