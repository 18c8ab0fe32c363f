import Foundation
import MeshControl
import NIOCore

/// Looks up host names by the system's resolver.
enum SystemLookup {
  /// Blocks for as long as the resolver likes, on a thread of the lookup's own.
  static let lookUp: AddressResolver.Lookup = { name, answer in
    let thread = Thread { answer(try? SocketAddress.makeAddressResolvingHost(name, port: 0).ipAddress) }
    thread.name = "resolver"
    thread.stackSize = 512 * 1024
    thread.start()
  }
}
