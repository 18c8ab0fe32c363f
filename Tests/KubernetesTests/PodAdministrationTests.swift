import Certificates
import Documents
import EnvoyInspection
import Foundation
import KubernetesTestSupport
import MeshHTTP
import Synchronization
import TestSupport
import Testing

/// The administration interface of a pod's Envoy, which is open at the pod's address for control planes and for nobody else.
@Suite(
  "Administration of the Envoys of pods", .onKubernetes, .inNetworkNamespaces, .heavy,
  .enabled(if: TestPrograms.envoy != nil, "there is no Envoy"), .timeLimit(.minutes(30)))
struct PodAdministrationTests {
  /// A pod in which nothing is listening but its sidecar.
  private static let pod = """
    apiVersion: v1
    kind: Pod
    metadata: {name: web-1, labels: {app: web}}
    spec:
      restartPolicy: Never
      containers:
      - {name: app, image: shell, args: [-c, 'trap "exit 0" TERM; while :; do sleep 0.1; done']}
    """

  @Test("The control plane inspects the Envoy and can end it; others learn only whether it is ready")
  func administration() async throws {
    let cluster = try await PodCluster.shared()
    try await cluster.run { rig in
      try await rig.apply(Self.pod)
      try await rig.waitUntilReady("pod/web-1")
      try await Self.inspect(rig, in: cluster)
      let address = try await rig.field("pod/web-1", ".status.podIP")
      let keys = try await Keys(in: cluster)
      try await Self.intrude(address, keys)
      try await Self.quit("web-1.\(rig.namespace)", address, keys)
      let path = ".status.containerStatuses[?(@.name==\"kuma-sidecar\")].state.terminated.exitCode"
      try await eventually("the end of the sidecar") { try await rig.field("pod/web-1", path) == "0" }
    }
  }

  private static func inspect(_ rig: PodRig, in cluster: PodCluster) async throws {
    let controlPlane = cluster.controlPlane
    let path = "/meshes/\(rig.namespace)/dataplanes/web-1.\(rig.namespace)"
    let last = Mutex("")
    func answer(_ view: String) async throws -> String {
      do {
        return try await eventually("an answer of the Envoy") { () -> String? in
          let answer = try await controlPlane.answer(port: controlPlane.ports.api, "\(path)/\(view)")
          last.withLock { $0 = String(describing: answer) }
          return answer?.status == 200 ? answer?.text : nil
        }
      } catch is NotInTime {
        throw PodRig.Failure(description: "\(view): \(last.withLock { $0 })")
      }
    }
    let dump = try DocumentValue(json: Array(try await answer("xds").utf8))
    let nodes = (dump["configs"]?.array ?? []).compactMap { $0["bootstrap"]?["node"]?["id"]?.string }
    #expect(nodes == ["\(rig.namespace).web-1.\(rig.namespace)"])
    // Neither the key with which the Envoy proves itself is shown, nor a token.
    #expect(!dump.json().contains("PRIVATE KEY") && !dump.json().contains("eyJ"))
    #expect(try await answer("stats").contains("server.live: 1"))
    #expect(try await answer("clusters").contains("ads_cluster::"))
  }

  /// The certificates of the control plane's Secret.
  private struct Keys {
    let folder: TemporaryFolder
    let authority: CertificateAuthority

    init(in cluster: PodCluster) async throws {
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
  private static func intrude(_ address: String, _ keys: Keys) async throws {
    func curl(_ arguments: String...) async throws -> KubernetesPrograms.Output {
      try await KubernetesPrograms.run("curl", ["-sS", "-m", "20", "-w", " %{http_code}"] + arguments)
    }
    #expect(try await curl("http://\(address):9901/ready").output.hasSuffix(" 200"))
    for path in ["/config_dump", "/quitquitquit", "/ready/../quitquitquit", "/"] {
      let answer = try await curl("--path-as-is", "-X", "POST", "http://\(address):9901\(path)").output
      #expect(answer.hasSuffix(" 404"), "\(path): \(answer)")
    }
    // Without a certificate, with that of an Envoy, with one for another name, with one of another authority.
    for name in [nil, "envoy", "other", "stranger"] {
      let certificate = name.map {
        ["--cert", keys.folder.file("\($0).crt"), "--key", keys.folder.file("\($0).key")]
      }
      let answer = try await KubernetesPrograms.run(
        "curl",
        ["-sSk", "-m", "20", "-w", " %{http_code}", "https://\(address):9901/config_dump"] + (certificate ?? []))
      #expect(!answer.isSuccess && !answer.output.hasSuffix(" 200"), "\(name ?? "none"): \(answer.output.prefix(200))")
    }
  }

  /// Ends the Envoy as the control plane ends that of a job.
  private static func quit(_ name: String, _ address: String, _ keys: Keys) async throws {
    let client = EnvoyAdministrationClient { _ in nil }
    let running = Task { try await client.run() }
    defer { running.cancel() }
    let own = try keys.authority.issueClient(name: "kuma-cp", lifetime: 3_600)
    client.use(
      try AdministrationCredentials(
        certificate: own.certificatePEM, privateKey: own.privateKeyPEM, authority: keys.authority.certificatePEM))
    try await eventually("the end that was asked for") {
      do throws(EnvoyAdministrationError) {
        try await client.quit(name, address: address, port: 9901)
        return true
      } catch {
        guard error.code == .busy else { throw error }
        return false
      }
    }
  }
}
