import Foundation
import MeshModel
import MeshTestSupport
import ProcessSupervisor
import Testing

/// Restarts of a control plane under a real systemd, with the units that are shipped, while it is used.
@Suite(
  "Restarts under systemd", .heavy, .serialized, .timeLimit(.minutes(60)), .inNetworkNamespaces,
  .enabled(if: Programs.envoy != nil, "needs an Envoy: $ENVOY or .venv/bin/envoy, which Scripts/setup installs"),
  .enabled(
    if: FileManager.default.isExecutableFile(atPath: "/lib/systemd/systemd"), "needs Debian's package systemd"))
struct RestartTests {
  private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()
  private static let machines = root.appending(path: "Tests/IntegrationTests/Machines").path(percentEncoded: false)

  /// A command that becomes a control plane under a systemd of its own.
  private static func launcher(in home: URL) -> [String] {
    [
      "unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--propagation", "private", "python3",
      "\(machines)/under-systemd.py", home.appending(path: "systemd").path(percentEncoded: false),
      root.appending(path: "deploy/systemd").path(percentEncoded: false),
    ]
  }

  /// Asks the systemd of a control plane, and waits until it has done what it was asked. It answers in its own namespaces only.
  private static func systemctl(_ words: String..., of controlPlane: ControlPlaneProcess) async throws -> String {
    let home = controlPlane.home
    let namespaces = "/proc/\(try #require(controlPlane.pid))/ns"
    var environment = Programs.environment
    environment["XDG_RUNTIME_DIR"] = home.appending(path: "systemd/run").path(percentEncoded: false)
    let asked = try await ProgramOutput.of(
      ChildProcess.Command(
        "nsenter",
        ["--mount=\(namespaces)/mnt", "--pid=\(namespaces)/pid_for_children", "systemctl", "--user"] + words,
        environment: environment), cancellation: .kill)
    guard asked.status.isSuccess else {
      let log = (try? String(contentsOf: home.appending(path: "systemd/log"), encoding: .utf8)) ?? ""
      throw ControlPlaneProcess.Failure(
        description: (asked.errors + [String(log.suffix(4_000))]).joined(separator: "\n"))
    }
    return asked.output.joined(separator: "\n")
  }

  private struct Outcome: Decodable {
    var requests: Int
    var connections: Int
    var failures: [String]
    var meshes: Set<String>
    var traces: [String]
  }

  @Test("no request fails, nothing acknowledged is lost, and Envoys keep their configuration and serve")
  func restarts() async throws {
    // The default: within the second of other tests a machine that is busy would lose its neighbours.
    let settings = ["KUMA_XDS_SERVER_DATAPLANE_DEREGISTRATION_DELAY": "10s"]
    try await TracingSystem.run(settings: settings, launcher: Self.launcher) { system in
      let controlPlane = system.controlPlane
      try await controlPlane.apply(
        TracingSystem.mesh(backends: [("collector", system.embeddedURL)]) + "---\n"
          + TracingSystem.policy(backend: "collector"))
      for proxy in system.proxies {
        try await proxy.waitForTracing("100 %") { $0["overall_sampling"]?["value"]?.number == 100 }
      }
      let before = try await Self.updates(of: system)
      let traffic = RequestLoad(ports: [try system.proxy("web").outboundPort], clients: [5, 10])
      let printed = Lines()
      let load = try ChildProcess.start(
        ChildProcess.Command(
          "python3", ["\(Self.machines)/load.py", "\(controlPlane.ports.api)", "\(controlPlane.ports.collector)"],
          output: .lines(printed.append)))
      var invocations: Set = [try await Self.invocation(of: controlPlane)]
      for _ in 0..<3 {
        let answers = traffic.answers
        try await eventually("traffic") { traffic.answers >= answers + 50 }
        _ = try await Self.systemctl("restart", "kuma-cp.service", of: controlPlane)
        // systemctl waits for the readiness, and a server that is ready answers.
        #expect(try await controlPlane.isReady)
        invocations.insert(try await Self.invocation(of: controlPlane))
        for proxy in system.proxies {
          try await eventually("\(proxy.name)'s return") {
            let subscription = try await controlPlane.subscription(of: proxy.name)
            return subscription != nil && subscription?["disconnectTime"] == nil
          }
        }
      }
      #expect(invocations.count == 4)
      #expect(await load.terminate(grace: .seconds(60)).isSuccess)
      let sent = await traffic.stop()

      #expect(sent.unanswered.count == 0 && Set(sent.answered.keys) == [200], "\(sent.unansweredWords)")
      let outcome = try JSONDecoder().decode(Outcome.self, from: Data(printed.all.joined().utf8))
      #expect(outcome.failures == [])
      // The restarts have ended connections; a client that waits for an answer while two follow each other has one for both.
      #expect(outcome.requests > 100 && outcome.connections >= 2 * 8)
      try await Self.checkAcknowledged(outcome, in: controlPlane)
      let after = try await Self.updates(of: system)
      #expect(after == before, "an unchanged configuration is not sent again")
      let log = try String(contentsOf: controlPlane.home.appending(path: "systemd/log"), encoding: .utf8)
      #expect(!log.contains("ends at once") && log.ranges(of: "stopped").count >= 3)
    }
  }

  private static func invocation(of controlPlane: ControlPlaneProcess) async throws -> String {
    try await systemctl("show", "--property=InvocationID", "kuma-cp.service", of: controlPlane)
  }

  private static func checkAcknowledged(_ outcome: Outcome, in controlPlane: ControlPlaneProcess) async throws {
    let listed = try await controlPlane.get("/meshes?size=1000")["items"]?.array ?? []
    #expect(outcome.meshes.subtracting(listed.compactMap { $0["name"]?.string }) == [])
    var missing: [String] = []
    for trace in outcome.traces {
      let answer = try await HTTPProbe.get(port: controlPlane.ports.collector, "/api/v2/trace/\(trace)")
      if answer?.status != 200 { missing.append(trace) }
    }
    #expect(missing.count == 0, "of \(outcome.traces.count) spans: \(missing.prefix(5))")
  }

  /// How often each Envoy has taken or rejected an update, by its own count.
  private static func updates(of system: TracingSystem) async throws -> [String: [String: Int]] {
    var result: [String: [String: Int]] = [:]
    for proxy in system.proxies {
      result[proxy.name] = try await proxy.counters(
        "(cds%7Clds)%5C.update_(success%7Crejected)$%7Clistener_removed$%7Clistener_modified$%7Ccluster_removed$")
    }
    return result
  }
}
