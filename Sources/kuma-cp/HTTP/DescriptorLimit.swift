import CProcess

/// How many connections there may be: each takes a file descriptor, and without any left stores and threads fail too.
struct DescriptorLimit: Sendable {
  /// For files, databases and what libraries open for a moment.
  private static let reserve = 128
  private static let httpServers = 4

  /// Connections of one HTTP server; those that are ended for new ones are for a moment more.
  let httpConnections: Int
  /// Connections of proxies.
  let proxyConnections: Int

  /// Raises this process's limit to what the system allows, and divides it up.
  static func raised() -> DescriptorLimit {
    let descriptors = process_raise_descriptor_limit()
    return DescriptorLimit(descriptors: descriptors < 0 ? 1024 : Int(descriptors))
  }

  /// - Parameter descriptors: how many this process may have open.
  init(descriptors: Int) {
    let available = max(min(descriptors, 1_000_000) - Self.reserve, 64)
    httpConnections = min(2000, max(8, available / 16))
    proxyConnections = available - Self.httpServers * httpConnections
  }
}
