import Glibc
import SystemErrors

/// The network interfaces of the machine, or of the network namespace that this process is in.
struct NetworkInterfaces {
  /// The name of the loopback interface.
  var loopback: String?
  /// Whether another interface than loopback has an IPv6 address.
  var hasIPv6 = false

  /// Reads the interfaces.
  init() throws(SystemError) {
    var list: UnsafeMutablePointer<ifaddrs>?
    guard getifaddrs(&list) == 0 else { throw .last }
    defer { freeifaddrs(list) }
    var entry = list
    while let interface = entry?.pointee {
      if interface.ifa_flags & UInt32(IFF_LOOPBACK) != 0 {
        loopback = loopback ?? String(cString: interface.ifa_name)
      } else if interface.ifa_addr?.pointee.sa_family == sa_family_t(AF_INET6) {
        hasIPv6 = true
      }
      entry = interface.ifa_next
    }
  }

  /// What is done with an address of an interface.
  enum AddressChange {
    case add
    case remove

    fileprivate var request: UInt { self == .add ? 0x8916 : 0x8936 }
    /// The error that says that nothing was to be done.
    fileprivate var isDone: Int32 { self == .add ? EEXIST : EADDRNOTAVAIL }
  }

  /// Adds an IPv6 address to an interface, or removes it; one that is there or gone already is no error.
  ///
  /// On IPv4, all of 127.0.0.0/8 belongs to the loopback interface; on IPv6 a second address must be added to it.
  static func change(_ change: AddressChange, _ address: String, on interface: String) throws(SystemError) {
    let descriptor = socket(AF_INET6, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { throw .last }
    defer { close(descriptor) }
    var number = in6_addr()
    guard inet_pton(AF_INET6, address, &number) == 1 else { throw SystemError(EINVAL) }
    let index = if_nametoindex(interface)
    guard index > 0 else { throw .last }
    // struct in6_ifreq: the address, the length of its prefix, and the index of the interface.
    var request = withUnsafeBytes(of: number) { Array($0) }
    for number in [UInt32(128), index] { request += withUnsafeBytes(of: number) { Array($0) } }
    let result = request.withUnsafeMutableBytes { bytes in
      bytes.baseAddress.map { ioctl(descriptor, change.request, $0) } ?? -1
    }
    guard result == 0 || errno == change.isDone else { throw .last }
  }
}
