import Foundation
import HTTPService
import Logging
import MeshModel
import MeshTestSupport
import MeshXDS
import ProcessSupervisor
import Synchronization
import Testing

@testable import MeshTransport

/// Refuses every stream that does not show the token of the moment, and notes the tokens that it has seen.
private final class TokenCheck: ProxySessionObserver {
  private let state: Mutex<(valid: String, refused: [String], accepted: [String])>

  init(valid: String) { state = Mutex((valid, [], [])) }

  var refused: [String] { state.withLock { $0.refused } }
  var accepted: [String] { state.withLock { $0.accepted } }

  func sessionOpened(_ session: ProxySession, _ introduction: ProxyIntroduction) async throws(SessionRefusal) {
    let shown = session.authorization ?? ""
    let isValid = state.withLock { state in
      if shown == state.valid { state.accepted.append(shown) } else { state.refused.append(shown) }
      return shown == state.valid
    }
    guard isValid else { throw SessionRefusal(code: .unauthenticated, message: "the token is not valid") }
  }
  func responseSent(_ session: ProxySession, typeURL: String) {}
  func acknowledged(_ session: ProxySession, typeURL: String) {}
  func rejected(_ session: ProxySession, typeURL: String, message: String) {}
  func sessionClosed(_ session: ProxySession, end: SessionEnd) async {}
}

/// The real Envoy with the token of a pod, which is renewed as the kubelet does it.
@Suite("The token of a pod", .enabled(if: TestPrograms.envoy != nil), .serialized, .timeLimit(.minutes(15)))
struct TokenFileTests {
  /// A folder as the kubelet makes it: the file is a link into a folder that is a link too, and that one is replaced.
  private struct Projection {
    let folder: TemporaryFolder
    var token: String { folder.file("token") }

    init(_ token: String) throws {
      folder = try TemporaryFolder()
      try write(token, version: 1)
      try FileManager.default.createSymbolicLink(atPath: self.token, withDestinationPath: "..data/token")
    }

    func write(_ token: String, version: Int) throws {
      try folder.write(token, to: "..version\(version)/token")
      try FileManager.default.createSymbolicLink(
        atPath: folder.file("..new"), withDestinationPath: "..version\(version)")
      #expect(rename(folder.file("..new"), folder.file("..data")) == 0)
    }
  }

  /// Runs an Envoy with the bootstrap of a request against a server.
  private func withEnvoy(
    _ check: TokenCheck, token: String, file: String, _ body: () async throws -> Void
  ) async throws {
    var configuration = DataplaneServer.Configuration()
    configuration.port = 0
    let (ports, listening) = AsyncStream<Int>.makeStream()
    let server = DataplaneServer(
      configuration: configuration, cache: SnapshotCache(), observer: check, logger: Logger(label: "test"),
      onListening: { listening.yield($0) }
    ) { _, _, _ in .text("") }
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await server.run() }
      guard let port = await ports.first(where: { _ in true }) else { throw CancellationError() }
      var request = BootstrapRequest(mesh: "shop", name: "web-1.default")
      request.dataplaneToken = token
      request.dataplaneTokenPath = file
      request.version.envoy = "1.40.0"
      let bootstrap = BootstrapRenderer(
        request: request, service: "web", host: "127.0.0.1", port: UInt16(port), isTLS: false, reloadsToken: true)
      let folder = try TemporaryFolder()
      let path = try folder.write(bootstrap.render().yaml(), to: "bootstrap.yaml")
      let lines = Mutex<[String]>([])
      let note: @Sendable (String) -> Void = { line in lines.withLock { $0.append(line) } }
      let envoy = try ChildProcess.start(
        ChildProcess.Command(
          try #require(TestPrograms.envoy),
          ["-c", path, "--disable-hot-restart", "--concurrency", "1", "-l", "warning"], output: .lines(note),
          errors: .lines(note)))
      do {
        try await body()
      } catch {
        Issue.record("\(error)\n\(lines.withLock { $0.suffix(20) }.joined(separator: "\n"))")
      }
      await envoy.end(within: .zero)
      group.cancelAll()
    }
  }

  @Test("an Envoy that connects again shows the renewed one, and that of the start is nowhere in its configuration")
  func renewed() async throws {
    let projection = try Projection("first")
    let check = TokenCheck(valid: "second")
    try await withEnvoy(check, token: "first", file: projection.token) {
      try await eventually(deadline: .seconds(90), "the first token") { check.refused.contains("first") }
      try projection.write("second", version: 2)
      try await eventually(deadline: .seconds(90), "the renewed token") { check.accepted == ["second"] }
    }
    #expect(Set(check.refused) == ["first"])
  }
}
