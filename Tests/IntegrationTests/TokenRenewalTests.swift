import Foundation
import MeshAccess
import MeshModel
import MeshTestSupport
import ProcessSupervisor
import Testing

/// The real kuma-dp and Envoy with a dataplane token in a file.
@Suite(
  "Dataplane tokens of real proxies", .fewAtATime, .serialized, .timeLimit(.minutes(60)),
  .enabled(if: Programs.envoy != nil, "needs an Envoy: $ENVOY or .venv/bin/envoy, which Scripts/setup installs"))
struct TokenRenewalTests {
  private func start(
    _ rig: TokenRig, tokenFile: String?, log: Lines, adminPort: Int, logLevel: String = "info"
  ) throws -> ChildProcess {
    let dataplane = rig.controlPlane.home.appending(path: "web.yaml").path(percentEncoded: false)
    let inbound = try FreePort.take(1)[0]
    try """
    type: Dataplane
    mesh: default
    name: web
    networking:
      address: 127.0.0.1
      admin: {port: \(adminPort)}
      inbound: [{port: \(inbound), servicePort: 1, tags: {kuma.io/service: web}}]
    """.write(toFile: dataplane, atomically: true, encoding: .utf8)
    var arguments = [
      "run", "--dataplane-file", dataplane, "--cp-address", "https://127.0.0.1:\(rig.controlPlane.ports.dataplane)",
      "--binary-path", Programs.envoy ?? "", "--concurrency", "1", "--drain-time", "1s", "--log-level", logLevel,
    ]
    if let tokenFile { arguments += ["--dataplane-token-file", tokenFile] }
    return try ChildProcess.start(
      ChildProcess.Command(
        Programs.path("kuma-dp"), arguments, environment: Programs.environment, output: .lines(log.append),
        errors: .lines(log.append)))
  }

  private func isReady(_ adminPort: Int) async throws -> Bool {
    try await HTTPProbe.get(port: adminPort, "/ready")?.status == 200
  }

  @Test("A proxy without a token that counts does not start, and says what to do")
  func refused() async throws {
    try await TokenRig.run { rig in
      let folder = try TemporaryFolder()
      let other = try folder.write(try await rig.sign(DataplaneClaims(name: "web", mesh: "default")), to: "other")
      for (file, text) in [
        (nil, "Dataplane Token is required. Generate token using 'kumactl generate dataplane-token"),
        (other, "authentication failed: the token does not open this proxy; the log of the control plane says why"),
      ] {
        let log = Lines()
        let status = await (try start(rig, tokenFile: file, log: log, adminPort: try FreePort.take(1)[0])).exitStatus()
        #expect(!status.isSuccess)
        #expect(log.all.contains { $0.contains(text) }, "\(log.tail())")
      }
    }
  }

  @Test("Envoy's log has the header with the token, and not the token, when it tells all")
  func logged() async throws {
    try await TokenRig.run { rig in
      let folder = try TemporaryFolder()
      let token = try await rig.issue(name: "web")
      // With a line end the file is not for Envoy, which gets the token with its bootstrap.
      let file = try folder.write("\(token)\n", to: "token")
      let (log, adminPort) = (Lines(), try FreePort.take(1)[0])
      let proxy = try start(rig, tokenFile: file, log: log, adminPort: adminPort, logLevel: "debug")
      do {
        try await eventually(deadline: .seconds(90), "the proxy") { try await isReady(adminPort) }
        let dump = try await HTTPProbe.get(port: adminPort, "/config_dump")?.text ?? ""
        #expect(!dump.contains("dataplane.token"))
      } catch {
        Issue.record("\(error)\n\(log.tail())")
      }
      await proxy.end(within: .seconds(5))
      #expect(log.all.contains { $0.contains("'authorization', '***'") })
      #expect(!log.all.contains { $0.contains(token) || $0.contains("'eyJ") })
    }
  }

  @Test("A token that is renewed in its file is shown by the same Envoy when the old one is revoked")
  func renewed() async throws {
    try await TokenRig.run { rig in
      let folder = try TemporaryFolder()
      let (first, second) = (try await rig.issue(name: "web"), try await rig.issue(name: "web"))
      let file = try folder.write(first, to: "token")
      let (log, adminPort) = (Lines(), try FreePort.take(1)[0])
      let proxy = try start(rig, tokenFile: file, log: log, adminPort: adminPort)
      do {
        try await eventually(deadline: .seconds(90), "the proxy") { try await isReady(adminPort) }
        func connections() async throws -> [DocumentValue] {
          try await rig.controlPlane.get("/meshes/default/dataplanes/web/_overview")["dataplaneInsight"]?[
            "subscriptions"]?.array ?? []
        }
        // Neither its configuration nor what it says of itself holds the token.
        let dump = try await HTTPProbe.get(port: adminPort, "/config_dump?include_eds")?.text ?? ""
        #expect(dump.contains("FILE_CONTENT") && !dump.contains(first))

        try folder.write(second, to: "new")
        #expect(rename(folder.file("new"), file) == 0)
        try await rig.revoke([first])
        try await eventually(deadline: .seconds(90), "the next stream") {
          let all = try await connections()
          return all.count > 1 && all.last?["disconnectTime"] == nil
        }
        try await eventually("the reason in the log") { rig.hasLogged("is revoked") }
        #expect(proxy.currentExitStatus == nil)
        #expect(try await isReady(adminPort))
      } catch {
        Issue.record("\(error)\n\(log.tail())")
      }
      await proxy.end(within: .seconds(5))
    }
  }
}
