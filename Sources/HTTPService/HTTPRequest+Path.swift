public import HTTPTypes

extension HTTPRequest {
  /// The path without its query, and without slashes at its end, which count for nothing.
  public var plainPath: Substring {
    let path = (path ?? "/").prefix { $0 != "?" }
    guard let last = path.lastIndex(where: { $0 != "/" }) else { return "/" }
    return path[...last]
  }
}
