import Foundation
import HTTPTypes
import LoopbackTestSupport
import MeshClient
import MeshModel
import MeshTestSupport
import ProcessSupervisor
import Synchronization
import Testing

@testable import kuma_dp

@Suite("The time for the end of an Envoy")
struct DrainTimeTests {
  @Test("leaves requests the whole drain time outside pods, and spans what they need after it")
  func outside() {
    let time = DrainTime(.seconds(30))
    #expect(time.forRequests(beforeSpansOf: .seconds(10)) == .seconds(30))
    #expect(!time.isOver(at: .seconds(1_000)))
  }

  @Test("is over when no request has come for long enough, at once if the application has ended before")
  func quiet() {
    #expect(DrainTime(inPod: .seconds(30), isLast: true).callers == .zero)
    var quiet = QuietTime(.seconds(5))
    for (busy, count, time, isQuiet) in [
      (0, 7, 1, false), (0, 7, 5, false), (0, 8, 6, false), (1, 8, 10, false), (0, 8, 14, false), (0, 8, 15, true),
    ] as [(Int64, Int64, Int, Bool)] {
      let answer = quiet.isQuiet(busy: busy, count: count, at: .seconds(time))
      #expect(answer == isQuiet, "\(time) s")
    }
    var once = QuietTime(.zero)
    let (first, second) = (once.isQuiet(busy: 1, count: 1, at: .zero), once.isQuiet(busy: 0, count: 1, at: .zero))
    #expect(!first && second)
  }

  @Test("counts requests and connections, and not the questions of kubelets")
  func counted() {
    let statistics = """
      http.admin.downstream_rq_total: 1000
      http.kuma_envoy_admin.downstream_rq_total: 100
      http.probe_listener.downstream_rq_total: 100
      http.10_244_1_2_8080.downstream_rq_total: 7
      http.10_244_1_2_8080.downstream_cx_total: 50
      http.10_244_1_2_8080.downstream_rq_active: 50
      tcp.outbound_passthrough_ipv4.downstream_cx_total: 3
      listener.0.0.0.0_15001.downstream_cx_total: 50
      """
    #expect(EnvoyDrain.count(statistics) == 10)
  }

  @Test(
    "ends in a pod before the kubelet kills it: requests leave spans their time, a third of it at most",
    arguments: [
      (30_000, 1_305, 27_695), (30_000, 15_300, 19_334), (3_000, 1_305, 1_800), (1_000, 5_300, 600), (0, 1_000, 0),
    ])
  func inPod(drain: Int, spans: Int, requests: Int) {
    let time = DrainTime(inPod: .milliseconds(drain), isLast: false)
    let given = time.forRequests(beforeSpansOf: .milliseconds(spans))
    #expect((given - .milliseconds(requests)) < .milliseconds(1) && given >= .milliseconds(requests - 1), "\(given)")
    #expect(time.isOver(at: .milliseconds(drain)))
    if drain > 0 { #expect(!time.isOver(at: given)) }
  }

  @Test("waits in a pod for five seconds, or a third of a short time, in which no request comes")
  func callers() {
    #expect(DrainTime(inPod: .seconds(30)).callers == .seconds(5))
    #expect(DrainTime(inPod: .seconds(5)).callers == .milliseconds(1_500))
    #expect(DrainTime(inPod: .zero).callers == .zero)
    #expect(DrainTime(.seconds(30)).callers == .zero)
  }
}

/// The program with the arguments and the environment that the injector gives to a container.
@Suite("A run in a pod", .enabled(if: realEnvoy != nil), .serialized, .timeLimit(.minutes(15)))
struct PodRunTests {
  /// `{"alg":"RS256"}`, `{"sub":"web"}` and a signature.
  private static let token = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ3ZWIifQ.c2ln"

  private static let stored = Dataplane(
    networking: .init(
      address: "10.244.1.2", inbound: [.init(port: 80, tags: ["kuma.io/service": "web_shop_svc_80"])]))

  /// Every variable of the container. Source of the names: Kuma 2.7.
  private static func environment(_ base: String, tokenFile: String) -> [String: String] {
    [
      "INSTANCE_IP": "10.244.1.2", "KUMA_CONTROL_PLANE_CA_CERT": "", "KUMA_CONTROL_PLANE_URL": base,
      "KUMA_DATAPLANE_DRAIN_TIME": "3s", "KUMA_DATAPLANE_MESH": "demo",
      "KUMA_DATAPLANE_RUNTIME_TOKEN_PATH": tokenFile,
      "KUMA_DATAPLANE_RUNTIME_ENVOY_LOG_LEVEL": "warning",
      "KUMA_DATAPLANE_RUNTIME_ENVOY_COMPONENT_LOG_LEVEL": "upstream:error,connection:off",
      "KUMA_DNS_ENABLED": "false", "POD_NAME": "web-7d4f9-abc", "POD_NAMESPACE": "shop",
    ]
  }

  /// The real bootstrap of the Dataplane of a pod; the first requests come before there is one.
  private static func responder(
    absences: Int, adminPort: UInt16, observe: @escaping @Sendable (DocumentValue) -> Void = { _ in }
  ) -> LoopbackServer.Responder {
    let absences = Mutex(absences)
    return TestControlPlane.responder(
      adminPort: UInt32(adminPort), podToken: Self.token,
      dataplane: { mesh, name in
        let isThere = absences.withLock { left in
          left -= 1
          return left < 0
        }
        return isThere && mesh == "demo" && name == "web-7d4f9-abc.shop" ? Self.stored : nil
      },
      observe: { body in if let request = try? DocumentValue(json: body) { observe(request) } })
  }

  private func withPod(
    absences: Int = 0,
    _ body: @escaping @Sendable (ProxyProcess, [DocumentValue], _ adminPort: UInt16) async throws -> Void
  ) async throws {
    let folder = try TemporaryFolder()
    let file = try folder.write(Self.token, to: "serviceaccount/token")
    let adminPort = try #require(LoopbackPort.any()).number
    let requests = Mutex<[DocumentValue]>([])
    try await LoopbackServer.run(
      Self.responder(absences: absences, adminPort: adminPort) { request in requests.withLock { $0.append(request) } }
    ) { base in
      let proxy = try ProxyProcess.start(
        in: folder, ["run", "--log-level=info", "--concurrency=2"],
        environment: Self.environment(base, tokenFile: file))
      do {
        _ = try await proxy.envoy()
        try await body(proxy, requests.withLock { $0 }, adminPort)
      } catch {
        Issue.record("\(error)\n\(proxy.text)")
      }
      await proxy.child.end(within: .zero)
    }
  }

  @Test("takes its name from the pod, waits for its Dataplane and shows Envoy the file of its token")
  func started() async throws {
    try await withPod(absences: 2) { proxy, requests, adminPort in
      // An answer that does not come within the time of an attempt is asked for again, and the log says so.
      #expect(requests.count == 3 || requests.count > 3 && proxy.text.contains("no answer within"), "\(proxy.text)")
      let request = try #require(requests.last)
      #expect(request["mesh"] == "demo" && request["name"] == "web-7d4f9-abc.shop")
      #expect(request["dataplaneToken"] == .string(Self.token))
      #expect(request["dataplaneTokenPath"]?.string?.hasSuffix("/serviceaccount/token") == true)
      #expect(request["dataplaneResource"] == nil)
      let admin = try await proxy.administration()
      #expect(admin.address.port == Int(adminPort))
      let dump = try await eventually(deadline: ProxyProcess.deadline, "the administration interface") {
        try? await admin.text("/config_dump")
      }
      #expect(dump.contains("FILE_CONTENT") && !dump.contains(Self.token))
      proxy.child.signal(.terminate)
      #expect(try await proxy.exitCode() == 0)
    }
  }

  @Test("ends with 0 when its Envoy is told to quit, as the control plane does for a job")
  func quit() async throws {
    try await withPod { proxy, _, _ in
      let admin = try await proxy.administration()
      try await eventually(deadline: ProxyProcess.deadline, "the end that was asked for") {
        (try? await admin.exchange(.post, "/quitquitquit").status) == 200
      }
      #expect(try await proxy.exitCode() == 0)
      #expect(proxy.lines.last?.hasSuffix("Envoy has ended") == true)
    }
  }
}

extension ProxyRunTests {
  @Test("told that its pod will end, has Envoy say that it is not ready, and goes on serving until it is told to end")
  func announced() async throws {
    try await withRequestInFlight { proxy, envoy, answer, status in
      let admin = try await proxy.administration()
      proxy.child.signal(.user2)
      try await proxy.line("the clients of Envoy are told to go elsewhere")
      #expect(try await admin.text("/server_info").contains("DRAINING"))
      answer()
      #expect(try await status() == 200)
      #expect(ProxyProcess.isAlive(envoy))
      proxy.child.signal(.terminate)
      #expect(try await proxy.exitCode() == 0)
      #expect(!ProxyProcess.isAlive(envoy))
    }
  }
}

@Suite("kuma-dp wait", .timeLimit(.minutes(15)))
struct WaitTests {
  private func wait(_ arguments: [String]) throws -> ProxyProcess {
    try ProxyProcess.start(in: try TemporaryFolder(), ["wait"] + arguments)
  }

  @Test("ends when the proxy says that it is ready")
  func ready() async throws {
    let statuses = Mutex([503, 503, 200])
    let paths = Mutex<[String]>([])
    let responder: LoopbackServer.Responder = { request, _ in
      paths.withLock { $0.append(request.path ?? "") }
      return (HTTPResponse(status: .init(code: statuses.withLock { $0.isEmpty ? 500 : $0.removeFirst() })), [])
    }
    try await LoopbackServer.run(responder) { base in
      let program = try wait(["--url", "\(base)/ready", "--check-frequency", "5ms", "--request-timeout", "60s"])
      #expect(try await program.exitCode() == 0)
      #expect(
        program.lines == ["waiting for the proxy at \(base)/ready, 3 min at most", "the proxy is ready"])
    }
    #expect(paths.withLock { $0 } == ["/ready", "/ready", "/ready"])
  }

  @Test("fails with the reason when the time is over")
  func late() async throws {
    let responder: LoopbackServer.Responder = { _, _ in (HTTPResponse(status: .serviceUnavailable), []) }
    try await LoopbackServer.run(responder) { base in
      let program = try wait(
        ["--url", "\(base)/ready", "--timeout", "50ms", "--check-frequency", "5ms", "--request-timeout", "60s"])
      #expect(try await program.exitCode() == 1)
      #expect(
        program.lines.last
          == "Error: the proxy at \(base)/ready is not ready after 50 ms: it has answered with status 503")
    }
    let occupied = try OccupiedPort()
    defer { withExtendedLifetime(occupied) {} }
    let nobody = try wait([
      "--url", "http://127.0.0.1:\(occupied.number)/ready", "--timeout", "1ms", "--request-timeout", "60s",
    ])
    #expect(try await nobody.exitCode() == 1)
    #expect(nobody.lines.last?.hasSuffix("is not ready after 1 ms: connection refused") == true, "\(nobody.text)")
  }

  @Test(
    "refuses what is not an address or a time",
    arguments: [
      (["--url", "localhost:9901"], "--url"), (["--timeout", "5"], "timeout"), (["--timeout", "0s"], "timeout"),
    ])
  func refused(arguments: [String], name: String) async throws {
    let program = try wait(arguments)
    #expect(try await program.exitCode() == 64)
    #expect(program.text.contains(name), "\(program.text)")
  }
}
