package import NIOCore

#if canImport(Glibc)
  import Glibc
#else
  import Musl
#endif

/// The error of a server that cannot listen.
package struct ListenFailure: Error, CustomStringConvertible {
  package var name: String
  package var host: String
  package var port: Int
  package var error: IOError

  package init(name: String, host: String, port: Int, error: IOError) {
    self.name = name
    self.host = host
    self.port = port
    self.error = error
  }

  /// Whether another program uses the port.
  package var isTaken: Bool { error.errnoCode == EADDRINUSE }

  package var description: String {
    let address = "\(host):\(port)"
    return switch error.errnoCode {
    case EADDRINUSE:
      "\(name) cannot listen on \(address): the port is taken; stop the other program or choose another port"
    case EADDRNOTAVAIL: "\(name) cannot listen on \(address): this machine has no such address"
    case EACCES: "\(name) cannot listen on \(address): ports below 1024 need more rights; choose another port"
    default: "\(name) cannot listen on \(address): \(error)"
    }
  }
}
