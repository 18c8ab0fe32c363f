import EnvoyAPI
import GRPCCore
import MeshXDS
import Testing

@testable import MeshTransport

/// The runtime, which listeners wait for.
extension DataplaneServerTests {
  @Test("A proxy that never answers its runtime is told to connect again")
  func unansweredRuntime() async throws {
    cache.set(snapshot("one"), for: "p")
    var request = Envoy_Service_Discovery_V3_DiscoveryRequest()
    request.node.id = "p"
    request.typeURL = ResourceTypeURL.runtime
    request.resourceNames = ["tracing"]
    try await withServer { [request] port in
      let error = await #expect(throws: RPCError.self) {
        // It goes on with other types.
        try await stream(port, request) { [clusters = clusters("p")] _ in clusters }
      }
      #expect(error?.code == .deadlineExceeded)
      #expect(error?.message.contains("has not answered its runtime") == true)
    }
  }
}
