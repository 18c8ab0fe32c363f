import Certificates
import Documents
import EnvoyInspection
import Foundation
import KubernetesTestSupport
import MeshHTTP
import ProcessSupervisor
import TestSupport
import Testing

/// The administration interface of a pod's Envoy, which is open at the pod's address for control planes and for nobody else: a real
/// Envoy behind a real control plane. An address of this machine stands in the place of the pod's.
@Suite(
  "Administration of the Envoys of pods", .onKubernetes, .heavy,
  .enabled(if: TestPrograms.envoy != nil, "there is no Envoy"), .timeLimit(.minutes(30)))
struct PodAdministrationTests {
  private struct Pod {
    var mesh: String
    var namespace: String
    var address: String
    var adminPort: Int
    var process: ChildProcess
    var log: String
    var origin: String { "\(address):\(adminPort)" }
  }

  @Test("The control plane inspects the Envoy and can end it; others learn only whether it is ready")
  func administration() async throws {
    let cluster = try await RunningCluster.shared()
    let pod = try await Self.start(in: cluster)
    var failure: (any Error)?
    do {
      try await Self.inspect(pod, in: cluster)
      let keys = try await Keys(in: cluster)
      try await Self.intrude(pod, keys)
      try await Self.quit(pod, keys)
    } catch {
      let log = (try? String(contentsOfFile: pod.log, encoding: .utf8)) ?? ""
      failure = ControlPlaneOnKubernetes.Failure(description: "\(error)\n\(log.suffix(4_000))")
    }
    await pod.process.terminate(grace: .seconds(30))
    if let failure { throw failure }
  }

  /// Applies a Dataplane as one of a pod is, and starts kuma-dp as its container would.
  private static func start(in cluster: RunningCluster) async throws -> Pod {
    let server = cluster.server
    var ports = FreePorts()
    let mesh = RunningCluster.name("admin")
    let namespace = try await server.makeNamespace("admin")
    let address = "127.0.0.\(Int.random(in: 2...250))"
    let admin = try ports.take()
    try await server.apply(RunningCluster.mesh(mesh))
    try await server.apply(
      """
      apiVersion: kuma.io/v1alpha1
      kind: Dataplane
      mesh: \(mesh)
      metadata: {name: web-1, namespace: \(namespace)}
      spec:
        networking:
          address: \(address)
          admin: {port: \(admin)}
          inbound: [{port: 8080, tags: {kuma.io/service: web, kuma.io/protocol: http}}]
          transparentProxying:
            redirectPortInbound: \(try ports.take())
            redirectPortOutbound: \(try ports.take())
            ipFamilyMode: IPv4
      """)
    var environment = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("KUMA_") }
    environment["POD_NAME"] = "web-1"
    environment["POD_NAMESPACE"] = namespace
    environment["KUMA_DATAPLANE_MESH"] = mesh
    environment["KUMA_CONTROL_PLANE_URL"] = "http://127.0.0.1:\(cluster.controlPlane.ports.dataplane)"
    let log = "\(server.folder)/\(mesh).log"
    let process = try ChildProcess.start(
      ChildProcess.Command(
        try TestPrograms.path("kuma-dp"), ["run", "--binary-path", TestPrograms.envoy ?? "", "--concurrency", "1"],
        environment: environment, output: .discard, errors: .file(log)))
    return Pod(
      mesh: mesh, namespace: namespace, address: address, adminPort: admin, process: process, log: log)
  }

  private static func inspect(_ pod: Pod, in cluster: RunningCluster) async throws {
    let controlPlane = cluster.controlPlane
    let path = "/meshes/\(pod.mesh)/dataplanes/web-1.\(pod.namespace)"
    let dump = try await eventually(deadline: .seconds(90), "the configuration of the Envoy") {
      () -> DocumentValue? in
      if let status = pod.process.currentExitStatus {
        throw ControlPlaneOnKubernetes.Failure(description: "kuma-dp \(status)")
      }
      guard let answer = try await controlPlane.answer(port: controlPlane.ports.api, "\(path)/xds"),
        answer.status == 200
      else { return nil }
      return try DocumentValue(json: Array(answer.text.utf8))
    }
    let nodes = (dump["configs"]?.array ?? []).compactMap { $0["bootstrap"]?["node"]?["id"]?.string }
    #expect(nodes == ["\(pod.mesh).web-1.\(pod.namespace)"])
    // The key with which the Envoy proves itself is not shown.
    #expect(!dump.json().contains("PRIVATE KEY"))
    for (view, text) in [("stats", "server.live: 1"), ("clusters", "ads_cluster::")] {
      let answer = try await controlPlane.answer(port: controlPlane.ports.api, "\(path)/\(view)")
      #expect(answer?.status == 200 && answer?.text.contains(text) == true, "\(view): \(String(describing: answer))")
    }
  }

  /// The certificates of the control plane's Secret.
  private struct Keys {
    let folder: TemporaryFolder
    let authority: CertificateAuthority

    init(in cluster: RunningCluster) async throws {
      let secret = try DocumentValue(
        json: Array(
          try await cluster.server.succeed([
            "get", "secret", "envoy-admin-ca", "-n", cluster.controlPlane.systemNamespace, "-o", "json",
          ]).utf8))
      #expect(secret["type"] == "system.kuma.io/global-secret")
      func text(_ key: String) -> String {
        String(decoding: Data(base64Encoded: secret["data"]?[key]?.string ?? "") ?? Data(), as: UTF8.self)
      }
      let value = text("value")
      let end = try #require(value.range(of: "-----END CERTIFICATE-----\n")?.upperBound)
      authority = try CertificateAuthority(
        certificatePEM: String(value[..<end]), privateKeyPEM: String(value[end...]))
      folder = try TemporaryFolder()
      try folder.write(text("envoy.crt"), to: "envoy.crt")
      try folder.write(text("envoy.key"), to: "envoy.key")
      let other = try authority.issueClient(name: "somebody", lifetime: 3_600)
      try folder.write(other.certificatePEM, to: "other.crt")
      try folder.write(other.privateKeyPEM, to: "other.key")
      let stranger = try CertificateAuthority.make(commonName: "stranger", lifetime: 3_600)
        .issueClient(name: "kuma-cp", lifetime: 3_600)
      try folder.write(stranger.certificatePEM, to: "stranger.crt")
      try folder.write(stranger.privateKeyPEM, to: "stranger.key")
    }
  }

  /// What somebody gets who is not a control plane.
  private static func intrude(_ pod: Pod, _ keys: Keys) async throws {
    func curl(_ arguments: String...) async throws -> KubernetesPrograms.Output {
      try await KubernetesPrograms.run("curl", ["-sS", "-m", "20", "-w", " %{http_code}"] + arguments)
    }
    #expect(try await curl("http://\(pod.origin)/ready").output.hasSuffix(" 200"))
    for path in ["/config_dump", "/quitquitquit", "/ready/../quitquitquit", "/"] {
      let answer = try await curl("--path-as-is", "-X", "POST", "http://\(pod.origin)\(path)").output
      #expect(answer.hasSuffix(" 404"), "\(path): \(answer)")
    }
    // Without a certificate, with that of an Envoy, with one for another name, with one of another authority.
    for name in [nil, "envoy", "other", "stranger"] {
      let certificate = name.map {
        ["--cert", keys.folder.file("\($0).crt"), "--key", keys.folder.file("\($0).key")]
      }
      let answer = try await KubernetesPrograms.run(
        "curl",
        ["-sSk", "-m", "20", "-w", " %{http_code}", "https://\(pod.origin)/config_dump"] + (certificate ?? []))
      #expect(!answer.isSuccess && !answer.output.hasSuffix(" 200"), "\(name ?? "none"): \(answer.output.prefix(200))")
    }
    #expect(pod.process.currentExitStatus == nil)
  }

  /// Ends the Envoy as the control plane ends that of a job.
  private static func quit(_ pod: Pod, _ keys: Keys) async throws {
    let client = EnvoyAdministrationClient { _ in nil }
    let running = Task { try await client.run() }
    defer { running.cancel() }
    let own = try keys.authority.issueClient(name: "kuma-cp", lifetime: 3_600)
    client.use(
      try AdministrationCredentials(
        certificate: own.certificatePEM, privateKey: own.privateKeyPEM, authority: keys.authority.certificatePEM))
    let port = try #require(UInt16(exactly: pod.adminPort))
    try await eventually("the end that was asked for") {
      do throws(EnvoyAdministrationError) {
        try await client.quit(address: pod.address, port: port)
        return true
      } catch {
        guard error.code == .busy else { throw error }
        return false
      }
    }
    let status = try await eventually("the end of kuma-dp") { pod.process.currentExitStatus }
    #expect(status.isSuccess, "\(status)")
  }
}
