import HTTPService
import HTTPTypes

/// The diagnostics server's paths: `/ready`, `/healthy` and `/metrics`.
struct DiagnosticsAPI: Sendable {
  /// Why the control plane is not ready yet; empty when it is.
  var obstacles: @Sendable () async -> [String]
  /// Adds every metric to a page.
  var metrics: @Sendable (inout PrometheusText) async -> Void

  /// Answers a request.
  func respond(to request: HTTPRequest) async -> (HTTPResponse, [UInt8]) {
    let path = request.plainPath
    guard request.method == .get || request.method == .head else {
      return Self.text(.methodNotAllowed, "Only GET is served here.\n")
    }
    switch path {
    case "/healthy": return Self.text(.ok, "OK\n")
    case "/ready":
      let obstacles = await obstacles()
      return obstacles.isEmpty
        ? Self.text(.ok, "OK\n")
        : Self.text(.serviceUnavailable, "not ready: \(obstacles.joined(separator: "; "))\n")
    case "/metrics":
      var page = PrometheusText()
      await metrics(&page)
      return Self.text(.ok, page.text, type: "text/plain; version=0.0.4; charset=utf-8")
    default: return Self.text(.notFound, "Not found. There are /ready, /healthy and /metrics.\n")
    }
  }

  private static func text(
    _ status: HTTPResponse.Status, _ text: String, type: String = "text/plain; charset=utf-8"
  ) -> (HTTPResponse, [UInt8]) {
    (HTTPResponse(status: status, headerFields: [.contentType: type]), Array(text.utf8))
  }
}
