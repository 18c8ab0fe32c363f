import Glibc

/// How many connections there may be: each takes a file descriptor, and without any left stores and threads fail too.
struct DescriptorLimit: Sendable {
  /// For files, databases and what libraries open for a moment.
  private static let reserve = 128
  private static let httpServers = 4

  /// Connections of one HTTP server.
  let httpConnections: Int
  /// Connections of proxies.
  let proxyConnections: Int

  /// Raises this process's limit to what the system allows, and divides it up.
  static func raised() -> DescriptorLimit {
    var limit = rlimit()
    let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
    guard getrlimit(resource, &limit) == 0 else { return DescriptorLimit(descriptors: 1024) }
    if limit.rlim_cur < limit.rlim_max {
      var raised = limit
      raised.rlim_cur = limit.rlim_max
      if setrlimit(resource, &raised) == 0 { limit = raised }
    }
    return DescriptorLimit(descriptors: Int(clamping: limit.rlim_cur))
  }

  /// - Parameter descriptors: how many this process may have open.
  init(descriptors: Int) {
    let available = max(descriptors - Self.reserve, 64)
    httpConnections = min(2000, max(8, available / 16))
    proxyConnections = available - Self.httpServers * httpConnections
  }
}
