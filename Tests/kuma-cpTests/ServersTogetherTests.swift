import ServiceLifecycle
import Testing

@testable import kuma_cp

struct ServersTogetherTests {
  private struct Failure: Error, Equatable {}

  /// Ends when it is cancelled, or in order.
  private struct Server: Service {
    func run() async throws { try await gracefulShutdown() }
  }

  private struct FailingServer: Service {
    func run() async throws { throw Failure() }
  }

  /// A server that cannot listen ended nothing: the others kept the program running, and nobody learned why it did not serve.
  @Test("one that cannot start ends the others, and its error is told", .timeLimit(.minutes(15)))
  func failure() async {
    for services in [[Server(), FailingServer()], [FailingServer(), Server()]] as [[any Service]] {
      await #expect(throws: Failure()) { try await ServersTogether(services: services).run() }
    }
  }
}
