import Glibc
import Synchronization

/// The listening sockets that the service manager has opened for this process. They stay open while the process is replaced, so that
/// clients wait for the next one and are not refused (socket activation).
///
/// A server takes the socket that listens where its settings say. Source of the protocol: sd_listen_fds(3).
package final class InheritedSockets: Sendable {
  /// A listening socket.
  struct Socket: Sendable, Hashable {
    var descriptor: Int32
    /// The unit's `FileDescriptorName=`, or a number, for messages.
    var name: String
    var address: String
    var port: Int
  }

  /// A socket that listens at the port of a server, and at an address that the server's settings do not name.
  package struct Mismatch: Error, CustomStringConvertible {
    /// What is wrong, and what to change.
    package let description: String
  }

  /// The largest number of sockets that are taken.
  private static let limit: Int32 = 64

  /// What is wrong with what was passed, in sentences for the log.
  package let problems: [String]
  private let sockets: Mutex<[Socket]>

  /// No sockets.
  package init() {
    problems = []
    sockets = Mutex([])
  }

  /// Reads what the service manager has put into the environment, and checks the descriptors. Child processes do not inherit them.
  ///
  /// - Parameters:
  ///   - environment: the variables.
  ///   - process: the number of this process.
  ///   - first: the first descriptor that is passed.
  package init(environment: [String: String], process: Int32 = getpid(), first: Int32 = 3) {
    var problems: [String] = []
    let (count, names) = Self.announced(environment, process, &problems)
    var sockets: [Socket] = []
    for index in 0..<count {
      let descriptor = first + index
      let name = names.count == Int(count) ? names[Int(index)] : "socket \(index + 1)"
      switch Self.look(at: descriptor, name) {
      case .success(let socket): sockets.append(socket)
      case .failure(let mismatch): problems.append(mismatch.description)
      }
    }
    self.problems = problems
    self.sockets = Mutex(sockets)
  }

  /// The sockets that this process was started with. Call it once, before other threads read the environment.
  package static func ofThisProcess(_ environment: [String: String]) -> InheritedSockets {
    let sockets = InheritedSockets(environment: environment)
    for name in ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PIDFDID"] { unsetenv(name) }
    return sockets
  }

  private static func announced(
    _ environment: [String: String], _ process: Int32, _ problems: inout [String]
  ) -> (Int32, [String]) {
    guard let text = environment["LISTEN_FDS"], !text.isEmpty else { return (0, []) }
    guard let owner = environment["LISTEN_PID"].flatMap(Int32.init), owner > 0 else {
      problems.append("LISTEN_PID is not the number of a process: the sockets of LISTEN_FDS are not used")
      return (0, [])
    }
    // The sockets were meant for the parent of this process.
    guard owner == process else { return (0, []) }
    guard let count = Int32(text), (0...limit).contains(count) else {
      problems.append("LISTEN_FDS is not a number between 0 and \(limit): no socket is used")
      return (0, [])
    }
    let names = (environment["LISTEN_FDNAMES"] ?? "").split(separator: ":", omittingEmptySubsequences: false)
      .map { String($0.prefix(255).filter { $0.isASCII && !$0.isNewline }) }
    if !names.elementsEqual([""]), names.count != Int(count) {
      problems.append("LISTEN_FDNAMES has \(names.count) names for \(count) sockets: the names are not used")
    }
    return (count, names)
  }

  /// Checks a descriptor, and keeps child processes from inheriting it.
  private static func look(at descriptor: Int32, _ name: String) -> Result<Socket, Mismatch> {
    func refused(_ reason: String) -> Result<Socket, Mismatch> {
      .failure(Mismatch(description: "descriptor \(descriptor) (\(name)) \(reason): it is not used"))
    }
    guard fcntl(descriptor, F_SETFD, FD_CLOEXEC) == 0 else { return refused("is not open") }
    guard option(descriptor, SO_TYPE) == Int32(SOCK_STREAM.rawValue), option(descriptor, SO_ACCEPTCONN) == 1 else {
      return refused("is not a listening stream socket")
    }
    var storage = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    let text = withUnsafeMutablePointer(to: &storage) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address -> (String, Int)? in
        guard getsockname(descriptor, address, &length) == 0 else { return nil }
        return numbers(of: address, length)
      }
    }
    guard let (address, port) = text else { return refused("does not listen at an IP address") }
    return .success(Socket(descriptor: descriptor, name: name, address: address, port: port))
  }

  private static func option(_ descriptor: Int32, _ name: Int32) -> Int32? {
    var value: Int32 = 0
    var length = socklen_t(MemoryLayout<Int32>.size)
    return getsockopt(descriptor, SOL_SOCKET, name, &value, &length) == 0 ? value : nil
  }

  /// An address and port in numbers; `nil` if it is not one of IP.
  private static func numbers(of address: UnsafePointer<sockaddr>, _ length: socklen_t) -> (String, Int)? {
    guard [AF_INET, AF_INET6].contains(Int32(address.pointee.sa_family)) else { return nil }
    var (host, port) = ([CChar](repeating: 0, count: 64), [CChar](repeating: 0, count: 16))
    guard
      getnameinfo(
        address, length, &host, socklen_t(host.count), &port, socklen_t(port.count), NI_NUMERICHOST | NI_NUMERICSERV)
        == 0
    else { return nil }
    func text(_ characters: [CChar]) -> String {
      String(decoding: characters.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
    return Int(text(port)).map { (text(host), $0) }
  }

  // MARK: Servers

  /// Takes the socket of a server. The descriptor belongs to the caller then.
  ///
  /// - Parameters:
  ///   - server: the server's name in errors.
  ///   - host: the address or name at which it is to listen.
  ///   - port: its port.
  /// - Returns: `nil` if no socket was passed for the port.
  /// - Throws: ``Mismatch`` if the socket listens at another address: it could be open to more clients than the settings say.
  package func take(for server: String, host: String, port: Int) throws(Mismatch) -> Int32? {
    let candidates = sockets.withLock { $0.filter { $0.port == port } }
    guard port > 0, let other = candidates.first else { return nil }
    let addresses = Self.addresses(of: host)
    guard let socket = candidates.first(where: { addresses.contains($0.address) }) else {
      throw Mismatch(
        description:
          "the \(server) is to listen at \(host):\(port), and the service manager's \(other.name) listens at "
          + "\(other.address):\(port); write the same address in ListenStream= of the socket unit and in the settings")
    }
    sockets.withLock { $0.removeAll { $0 == socket } }
    return socket.descriptor
  }

  /// The sockets that no server has taken, in words. Clients that connect to them would wait for ever.
  package var unused: [String] {
    sockets.withLock { $0.map { "\($0.name), which listens at \($0.address):\($0.port)" } }
  }

  /// The addresses of a host in numbers. All addresses of a machine are one.
  private static func addresses(of host: String) -> Set<String> {
    var hints = addrinfo()
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var list: UnsafeMutablePointer<addrinfo>?
    guard getaddrinfo(host, nil, &hints, &list) == 0 else { return [host] }
    defer { freeaddrinfo(list) }
    var addresses: Set<String> = []
    var entry = list
    while let current = entry?.pointee {
      if let address = current.ai_addr, let (text, _) = numbers(of: address, current.ai_addrlen) {
        addresses.insert(text)
      }
      entry = current.ai_next
    }
    let everywhere: Set = ["0.0.0.0", "::"]
    return addresses.isDisjoint(with: everywhere) ? addresses : addresses.union(everywhere)
  }
}
