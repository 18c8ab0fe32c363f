import Logging
import MeshTestSupport
import Testing

@testable import kuma_cp

@Suite("A request to end the program", .timeLimit(.minutes(15)))
struct EndRequestTests {
  @Test("that comes when the start is complete, and before the services run, ends them in order")
  func betweenStartAndServices() async throws {
    let folder = try TemporaryFolder()
    var flags = ["store.type": "memory", "general.workDir": folder.path, "collector.tlsEnabled": "false"]
    for port in [
      "apiServer.http.port", "apiServer.https.port", "dpServer.port", "diagnostics.serverPort", "collector.zipkinPort",
      "collector.otlpPort", "collector.otlpGrpcPort",
    ] {
      flags[port] = "0"
    }
    let (configuration, _) = try ControlPlaneConfiguration.load(file: nil, environment: [:], flags: flags)
    let log = LogRecorder()
    let request = EndRequest()
    let pipeline = try #require(
      try await StartInterruption.run(until: request) {
        try await Pipeline.build(configuration, logger: log.logger(.info))
      })
    request.make()
    try await pipeline.run(until: request)
    withExtendedLifetime(folder) {}
  }

  @Test("cancels a start that waits, and is remembered")
  func start() async throws {
    let request = EndRequest()
    request.make()
    let result = try await StartInterruption.run(until: request) {
      try? await Task.sleep(for: .seconds(3_600))
      return Task.isCancelled
    }
    #expect(result == nil)
    #expect(await request.wait())
  }

  @Test("that is not made ends with the task that waits for it")
  func cancelled() async {
    let request = EndRequest()
    let waiting = Task { await request.wait() }
    waiting.cancel()
    #expect(await waiting.value == false)
  }
}
