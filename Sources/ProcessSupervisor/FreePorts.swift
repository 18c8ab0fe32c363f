import Glibc

/// Hands out free ports of 127.0.0.1, each once in a process, for the servers that children run.
public struct FreePorts: Sendable {
  /// No port is free.
  public struct Exhausted: Error, Sendable, CustomStringConvertible {
    /// Which ports were tried.
    public var description: String
  }

  private var taken: Set<Int> = []
  /// Preferred ports that were not free, each with the port taken instead.
  public private(set) var replaced: [(usual: Int, instead: Int)] = []

  /// Nothing is handed out yet.
  public init() {}

  /// Takes a port, if possible the preferred one.
  ///
  /// - Throws: ``Exhausted``.
  public mutating func take(preferring preferred: Int) throws(Exhausted) -> Int {
    if !taken.contains(preferred), Self.isFree(preferred) {
      taken.insert(preferred)
      return preferred
    }
    let port = try take()
    replaced.append((preferred, port))
    return port
  }

  /// Takes any port: one that no other program that chooses ports in this way takes as long as this process runs.
  ///
  /// - Throws: ``Exhausted``.
  public mutating func take() throws(Exhausted) -> Int {
    while let port = PortBlocks.next() {
      if taken.insert(port).inserted, Self.isFree(port) { return port }
    }
    let range = PortBlocks.range
    throw Exhausted(description: "no port of 127.0.0.1 from \(range.lowerBound) to \(range.upperBound - 1) is free")
  }

  /// Whether a server could listen at a port now.
  public static func isFree(_ port: Int) -> Bool {
    guard let number = UInt16(exactly: port) else { return false }
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    // As servers do it: connections that have ended lately are no obstacle, a listener is.
    var yes: Int32 = 1
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = number.bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    return withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0 && listen(descriptor, 1) == 0
      }
    }
  }
}
