import CProcess

/// Limits of connections. Each connection needs a file descriptor, and without free ones, stores and threads fail too.
struct DescriptorLimit: Sendable {
  /// Descriptors reserved for files, databases and short-lived ones of libraries.
  private static let reserve = 128
  private static let httpServers = 7

  /// The limit of each HTTP server. A connection that is closed in favor of a new one counts for a moment longer.
  let httpConnections: Int
  /// The limit of connections of proxies.
  let proxyConnections: Int

  /// Raises this process's limit of descriptors to the hard limit, and divides it.
  static func raised() -> DescriptorLimit {
    let descriptors = process_raise_descriptor_limit()
    return DescriptorLimit(descriptors: descriptors < 0 ? 1024 : Int(descriptors))
  }

  /// - Parameter descriptors: the process's limit of descriptors.
  init(descriptors: Int) {
    let available = max(min(descriptors, 1_000_000) - Self.reserve, 64)
    httpConnections = min(2000, max(8, available / 16))
    proxyConnections = available - Self.httpServers * httpConnections
  }
}
