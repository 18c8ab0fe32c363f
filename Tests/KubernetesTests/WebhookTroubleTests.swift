import Certificates
import Foundation
import KubernetesTestSupport
import TestSupport
import Testing

/// Webhooks that do not answer as they should: writes are refused with a reason, what is stored stays, and the control plane says
/// what to do.
@Suite(.onKubernetes, .heavy) struct WebhookTroubleTests {
  @Test func webhooksThatDoNotAnswerRefuseWritesWithAReason() async throws {
    let server = try await KubernetesServer.start(controllers: false)
    do {
      try await server.installCustomResources()
      try await findNobodyBehindTheWebhooks(server)
      try await loseTheAuthorityAndTheControlPlane(server)
      try await useAnExpiredCertificate(server)
    } catch {
      await server.remove()
      throw error
    }
    await server.remove()
  }

  /// The webhooks lead to a closed port: the control plane says so, and makes the first Mesh when they lead to it.
  private func findNobodyBehindTheWebhooks(_ server: KubernetesServer) async throws {
    let controlPlane = try ControlPlaneOnKubernetes(
      kubeconfig: server.kubeconfig, systemNamespace: try await server.makeNamespace("system"),
      settings: ["KUMA_DEFAULTS_SKIP_MESH_CREATION": "false"])
    let webhooks = try await RunningCluster.webhooks(of: controlPlane)
    try await server.apply(webhooks.replacing(":\(controlPlane.ports.admission)/", with: ":1/"))
    try controlPlane.launch()
    try await controlPlane.line(
      with: "\"default\"", "failed calling webhook",
      "check that the webhook's server runs and that its caBundle is the one of its certificate")
    let refused = try await server.kubectl(.newest, "apply", "-f", "-", input: RunningCluster.mesh("mine"))
    #expect(refused.errors.contains("failed calling webhook"), "\(refused)")
    #expect(!refused.isSuccess)
    #expect(try await server.succeed(["get", "meshes", "-o", "name"]).isEmpty)

    try await server.apply(webhooks)
    try await eventually("the first mesh") {
      try await server.succeed(["get", "meshes", "-o", "name"]) == "mesh.kuma.io/default"
    }
    #expect(try await server.apply(RunningCluster.mesh("mine")) == "mesh.kuma.io/mine created")
    try await server.succeed(
      ["delete", "validatingwebhookconfiguration", "kuma-validating-webhook-configuration"])
    try await controlPlane.line(
      with: "kuma-validating-webhook-configuration", "objects are stored unchecked, and kubectl prints no warnings")
    await controlPlane.stop()
  }

  /// Somebody takes the authority out, and then there is no control plane.
  private func loseTheAuthorityAndTheControlPlane(_ server: KubernetesServer) async throws {
    let cluster = try await RunningCluster.start(on: server)
    try await server.apply(RunningCluster.mesh("kept", url: "http://127.0.0.1:9/first"))
    // Somebody takes the authority out.
    try await server.succeed(
      [
        "patch", "validatingwebhookconfiguration", "kuma-validating-webhook-configuration", "--type=json",
        "-p", #"[{"op": "remove", "path": "/webhooks/0/clientConfig/caBundle"}]"#,
      ])
    let changed = RunningCluster.mesh("kept", url: "http://127.0.0.1:9/second")
    try await eventually("the authority to be back") {
      try await server.kubectl(.newest, "apply", "-f", "-", input: changed).isSuccess
    }

    // While no control plane answers, failurePolicy decides.
    await cluster.controlPlane.kill()
    let refused = try await server.kubectl(
      .newest, "apply", "-f", "-", input: RunningCluster.mesh("kept", url: "http://127.0.0.1:9/third"))
    #expect(refused.errors.contains("failed calling webhook"), "\(refused)")
    func url() async throws -> String {
      try await server.succeed(["get", "mesh", "kept", "-o", "jsonpath={.spec.tracing.backends[0].conf.url}"])
    }
    #expect(try await url() == "http://127.0.0.1:9/second")
    // What others need is not stopped: its policy is Ignore.
    try await server.succeed(["create", "secret", "generic", "other"])

    try await cluster.controlPlane.start()
    try await eventually("writes") {
      try await server.kubectl(
        .newest, "apply", "-f", "-", input: RunningCluster.mesh("kept", url: "http://127.0.0.1:9/third")
      ).isSuccess
    }
    #expect(try await url() == "http://127.0.0.1:9/third")
    await cluster.controlPlane.stop()
  }

  /// A certificate of the user has expired, and is replaced while the control plane runs.
  private func useAnExpiredCertificate(_ server: KubernetesServer) async throws {
    let folder = try TemporaryFolder()
    let day: TimeInterval = 86_400
    let authority = try CertificateAuthority.make(
      commonName: "authority", lifetime: 100 * day, now: Date(timeIntervalSinceNow: -20 * day))
    func write(madeAt age: TimeInterval) throws {
      let certificate = try authority.issue(
        commonName: "kuma-control-plane", hosts: ["127.0.0.1"], lifetime: 2 * day,
        now: Date(timeIntervalSinceNow: age))
      try folder.write(certificate.certificatePEM, to: "tls.crt")
      try folder.write(certificate.privateKeyPEM, to: "tls.key")
      try folder.write(authority.certificatePEM, to: "ca.crt")
    }
    try write(madeAt: -10 * day)
    let controlPlane = try ControlPlaneOnKubernetes(
      kubeconfig: server.kubeconfig, systemNamespace: try await server.makeNamespace("system"),
      settings: ["KUMA_RUNTIME_KUBERNETES_ADMISSION_SERVER_CERT_DIR": folder.path])
    try await server.apply(try await RunningCluster.webhooks(of: controlPlane))
    try controlPlane.launch()
    try await controlPlane.line(with: "the certificate of the admission server expired on")
    let refused = try await eventually("the API server's refusal") {
      let answer = try await server.kubectl(.newest, "apply", "-f", "-", input: RunningCluster.mesh("late"))
      return answer.errors.contains("certificate has expired") ? answer.errors : nil
    }
    #expect(refused.contains("failed calling webhook"))
    try await controlPlane.line(with: "a client refuses the certificate of the admission server")

    // It reads the files again.
    try write(madeAt: 0)
    try await eventually("writes") {
      try await server.kubectl(.newest, "apply", "-f", "-", input: RunningCluster.mesh("late")).isSuccess
    }
    await controlPlane.stop()
  }
}
