import Foundation
import MeshControl
import NIOCore

/// Resolves host names with the system's resolver.
enum SystemLookup {
  /// Runs each lookup on a thread of its own, since the resolver blocks.
  static let lookUp: AddressResolver.Lookup = { name, answer in
    let thread = Thread { answer(try? SocketAddress.makeAddressResolvingHost(name, port: 0).ipAddress) }
    thread.name = "resolver"
    thread.stackSize = 512 * 1024
    thread.start()
  }
}
