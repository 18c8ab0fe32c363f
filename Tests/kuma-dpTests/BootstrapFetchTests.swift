import HTTPTypes
import LoopbackTestSupport
import MeshModel
import MeshTestSupport
import Synchronization
import Testing

@testable import MeshClient
@testable import kuma_dp

@Suite("Fetching a bootstrap", .timeLimit(.minutes(15)))
struct BootstrapFetchTests {
  /// The time of an attempt where requests are counted: on a busy machine an answer may take longer than the usual one.
  private static let long = Duration.seconds(600)

  @Test("is fetched from the control plane's endpoint")
  func fetched() async throws {
    try await LoopbackServer.run(TestControlPlane.responder(adminPort: 9901)) { base in
      let configuration = try BootstrapFixture.configuration([
        "dataplaneRuntime.resource": TestControlPlane.definition, "controlPlane.url": base,
      ])
      let log = LogRecorder()
      let bootstrap = try await BootstrapFetcher(configuration, timeout: Self.long, logger: log.logger())
        .fetch(configuration.bootstrapRequest(envoy: try #require(BootstrapFixture.envoy), adminPort: nil))
      #expect(bootstrap.adminPort == 9901)
      let document = try #require(try DocumentValue.yamlDocuments(bootstrap.text).first)
      #expect(document["node"]?["id"] == "default.web-1")
      #expect(document["node"]?["cluster"] == "web")
      // The control plane registers the Dataplane from here.
      let resource = try #require(document["node"]?["metadata"]?["dataplane.resource"]?.string)
      #expect(try ResourceDocument.all(in: resource).first?.resource == configuration.definition?.resource)
      #expect(log.messages.isEmpty)
    }
  }

  @Test("is requested again until there is one, with one line of log for each reason")
  func retried() async throws {
    let statuses = Mutex([503, 503, 503, 404, 404, 503, 200])
    let responder: LoopbackServer.Responder = { _, _ in
      let status = statuses.withLock { $0.removeFirst() }
      return (HTTPResponse(status: .init(code: status)), status == 200 ? Array("node: {id: a.b}\n".utf8) : [])
    }
    try await LoopbackServer.run(responder) { base in
      let configuration = try BootstrapFixture.configuration(["dataplane.name": "web", "controlPlane.url": base])
      let log = LogRecorder()
      let bootstrap = try await BootstrapFetcher(configuration, timeout: Self.long, logger: log.logger()).fetch([:])
      #expect(bootstrap.text == "node: {id: a.b}\n")
      let missing =
        "it has no Dataplane \"web\" in the mesh \"default\"; create it with `kumactl apply`, or with `kubectl apply` "
        + "on Kubernetes, or give its definition with --dataplane-file"
      #expect(
        log.messages == [
          "warning no bootstrap from the control plane at \(base): it answered with status 503; trying every 5 ms, for "
            + "2 min at most",
          "warning no bootstrap from the control plane at \(base): \(missing)",
          "warning no bootstrap from the control plane at \(base): it answered with status 503",
        ])
    }
    #expect(statuses.withLock { $0.isEmpty })
  }

  @Test("is requested again when an answer takes longer than an attempt may, and the log says so")
  func lateAnswer() async throws {
    let attempts = Mutex(0)
    let gate = Gate()
    let responder: LoopbackServer.Responder = { _, _ in
      let count = attempts.withLock { count in
        count += 1
        return count
      }
      if count == 1 { await gate.wait() }
      return (HTTPResponse(status: .ok), Array("node: {id: a.b}\n".utf8))
    }
    try await LoopbackServer.run(responder) { base in
      defer { gate.open() }
      let configuration = try BootstrapFixture.configuration(["dataplane.name": "web", "controlPlane.url": base])
      let log = LogRecorder()
      let bootstrap = try await BootstrapFetcher(configuration, timeout: .seconds(1), logger: log.logger()).fetch([:])
      #expect(bootstrap.text == "node: {id: a.b}\n")
      #expect(log.messages.first?.contains("no answer within 1 s; trying every 5 ms") == true, "\(log.messages)")
    }
    #expect(attempts.withLock { $0 } >= 2)
  }

  @Test("is not requested again after a refusal")
  func refused() async throws {
    let attempts = Mutex(0)
    let text = TestControlPlane.definition.replacing("mesh: default", with: "mesh: shop")
    try await LoopbackServer.run(TestControlPlane.responder(observe: { _ in attempts.withLock { $0 += 1 } })) { base in
      let configuration = try BootstrapFixture.configuration([
        "dataplaneRuntime.resource": text, "controlPlane.url": base,
      ])
      let log = LogRecorder()
      let failure = await #expect(throws: LaunchFailure.self) {
        try await BootstrapFetcher(configuration, timeout: Self.long, logger: log.logger())
          .fetch(configuration.bootstrapRequest(envoy: try #require(BootstrapFixture.envoy), adminPort: nil))
      }
      #expect(failure?.code == .refused)
      #expect(
        failure?.description
          == "the control plane at \(base) refuses the proxy: mesh: mesh \"shop\" does not exist")
      #expect(log.messages.isEmpty)
    }
    #expect(attempts.withLock { $0 } == 1)
  }

  @Test("is not requested again when the port does not speak TLS")
  func plaintext() async throws {
    try await LoopbackServer.run(TestControlPlane.responder()) { base in
      let configuration = try BootstrapFixture.configuration(
        ["dataplane.name": "web", "controlPlane.url": base.replacing("http://", with: "https://")])
      let log = LogRecorder()
      let failure = await #expect(throws: LaunchFailure.self) {
        try await BootstrapFetcher(configuration, logger: log.logger()).fetch([:])
      }
      #expect(failure?.code == .refused)
      let text = failure?.description ?? ""
      #expect(text.contains("of 127.0.0.1 does not speak TLS"), "\(text)")
      #expect(text.contains("(5678 by default)") && text.contains("http://"), "\(text)")
      // On a busy machine the connection may take longer than one attempt.
      #expect(log.messages.allSatisfy { $0.contains("no answer to the attempt to connect") })
    }
  }

  @Test("is given up after a timeout, with the last reason")
  func givenUp() async throws {
    let occupied = try OccupiedPort()
    defer { withExtendedLifetime(occupied) {} }
    let port = occupied.number
    let configuration = try BootstrapFixture.configuration(
      ["dataplane.name": "web", "controlPlane.url": "http://127.0.0.1:\(port)"],
      environment: ["KUMA_CONTROL_PLANE_RETRY_MAX_DURATION": "40ms"])
    let log = LogRecorder()
    let failure = await #expect(throws: LaunchFailure.self) {
      try await BootstrapFetcher(configuration, logger: log.logger()).fetch([:])
    }
    #expect(failure?.code == .noControlPlane)
    #expect(
      failure?.description
        == "no bootstrap from the control plane at http://127.0.0.1:\(port) within 40 ms: connection refused")
    #expect(log.messages.count <= 1)
  }

  @Test("is no longer requested when the run is cancelled")
  func cancelled() async throws {
    let isAsked = Mutex(false)
    let responder: LoopbackServer.Responder = { _, _ in
      isAsked.withLock { $0 = true }
      return (HTTPResponse(status: .serviceUnavailable), [])
    }
    try await LoopbackServer.run(responder) { base in
      var configuration = try BootstrapFixture.configuration(["dataplane.name": "web", "controlPlane.url": base])
      configuration.retry = BootstrapRetry(backoff: .seconds(3600), limit: .seconds(36_000))
      let fetcher = BootstrapFetcher(configuration, logger: LogRecorder().logger())
      let result = try await withThrowingTaskGroup(of: LaunchFailure.Code?.self) { group in
        group.addTask {
          do throws(LaunchFailure) {
            _ = try await fetcher.fetch([:])
            return nil
          } catch {
            return error.code
          }
        }
        try await eventually("a first question") { isAsked.withLock { $0 } }
        group.cancelAll()
        return try await group.next() ?? nil
      }
      #expect(result == .interrupted)
    }
  }
}
