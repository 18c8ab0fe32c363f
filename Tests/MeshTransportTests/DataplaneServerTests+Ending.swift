import Testing

@testable import MeshTransport

/// Ends that come early.
extension DataplaneServerTests {
  /// The request may come before the server runs, while it makes its sockets, and after that.
  @Test("A server that is asked to end while it begins to listen ends without an error")
  func endWhileItBegins() async throws {
    for steps in 0..<100 {
      let server = try server().server
      let running = Task { try await server.run() }
      for _ in 0..<steps { await Task.yield() }
      running.cancel()
      try await running.value
    }
  }
}
