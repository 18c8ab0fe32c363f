import Certificates
import Documents
import Foundation
import KubernetesAPI
import KubernetesTestSupport
import MeshKubernetes
import OrderedCollections
import TestSupport
import Testing

/// The certificate of the admission server changes while the control plane runs, and the API server goes on asking it.
@Suite(.onKubernetes, .heavy) struct AdmissionRenewalTests {
  /// What `openssl` says of the admission server.
  private struct Served {
    /// Whether the certificate is one of an authority in a bundle, for 127.0.0.1.
    var isTrusted: Bool
    /// The certificate as PEM.
    var certificate: String

    init(at port: Int, trusting bundle: String) async throws {
      let folder = try TemporaryFolder()
      let file = try folder.write(bundle, to: "ca.crt")
      let answer = try await KubernetesPrograms.run(
        "/usr/bin/openssl",
        [
          "s_client", "-connect", "127.0.0.1:\(port)", "-CAfile", file, "-verify_ip", "127.0.0.1",
          "-verify_return_error",
        ], input: "")
      isTrusted = answer.isSuccess && answer.output.contains("Verify return code: 0 (ok)")
      let begin = answer.output.firstRange(of: "-----BEGIN CERTIFICATE-----")
      let end = answer.output.firstRange(of: "-----END CERTIFICATE-----")
      certificate = begin.flatMap { begin in end.map { answer.output[begin.lowerBound..<$0.upperBound] + "\n" } } ?? ""
    }
  }

  @Test("Certificates in the Secret are renewed when they are old, and made again when they are gone")
  func secret() async throws {
    let server = try await KubernetesServer.start(controllers: false)
    do {
      try await server.installCustomResources()
      let system = try await server.makeNamespace("system")
      let controlPlane = try ControlPlaneOnKubernetes(kubeconfig: server.kubeconfig, systemNamespace: system)
      try await server.apply(try await RunningCluster.webhooks(of: controlPlane))
      // A control plane that ran long ago has left certificates that will end in some weeks.
      let old = try AdmissionCertificates.make(
        hosts: ["127.0.0.1"], now: Date(timeIntervalSinceNow: -300 * 86_400))
      try await server.succeed(
        ["create", "-f", "-"],
        input: DocumentValue.object(AdmissionSecret.object(old, namespace: system).document).json())
      try await controlPlane.start()
      try await controlPlane.line(with: "the certificates of the admission server are renewed")

      let renewed = try await certificates(server, system)
      #expect(renewed.bundle == old.bundle)
      #expect(renewed.server.certificatePEM != old.server.certificatePEM)
      try await eventually("the renewed certificate") {
        let served = try await Served(at: controlPlane.ports.admission, trusting: old.bundle)
        return served.isTrusted && served.certificate == renewed.server.certificatePEM
      }
      try await waitForAnswers(server, "first")

      // Somebody deletes the Secret: another authority is made, and the API server is told of it.
      try await server.succeed(["delete", "secret", AdmissionSecret.name, "-n", system])
      let made = try await eventually("other certificates") {
        let made = try? await certificates(server, system)
        return made?.bundle == old.bundle ? nil : made
      }
      try await eventually("the certificate of the other authority") {
        try await Served(at: controlPlane.ports.admission, trusting: made.bundle).isTrusted
      }
      let bundle = Data(made.bundle.utf8).base64EncodedString()
      try await eventually("webhooks that trust the other authority") {
        for (kind, name) in WebhookConfiguration.all {
          let text = try await server.succeed(
            ["get", kind.plural, name, "-o", "jsonpath={.webhooks[*].clientConfig.caBundle}"])
          guard text.split(separator: " ").allSatisfy({ $0 == bundle }), !text.isEmpty else { return false }
        }
        return true
      }
      try await waitForAnswers(server, "second")
      #expect(controlPlane.exitStatus == nil)
      await controlPlane.stop()
    } catch {
      await server.remove()
      throw error
    }
    await server.remove()
  }

  @Test("Certificates in a folder are read again when they change")
  func folder() async throws {
    let folder = try TemporaryFolder()
    let authority = try CertificateAuthority.make(commonName: "authority", lifetime: 100 * 86_400)
    func write() throws -> String {
      let certificate = try authority.issue(commonName: "cp", hosts: ["127.0.0.1"], lifetime: 86_400 * 90)
      try folder.write(certificate.privateKeyPEM, to: "tls.key")
      try folder.write(certificate.certificatePEM, to: "tls.crt")
      return certificate.certificatePEM
    }
    let first = try write()
    let server = try await KubernetesServer.shared()
    try await server.installCustomResources()
    let controlPlane = try await ControlPlaneOnKubernetes.start(
      server, settings: ["KUMA_RUNTIME_KUBERNETES_ADMISSION_SERVER_CERT_DIR": folder.path])
    func isServed(_ certificate: String) async throws -> Bool {
      let served = try await Served(at: controlPlane.ports.admission, trusting: authority.certificatePEM)
      return served.isTrusted && served.certificate == certificate
    }
    #expect(try await isServed(first))
    // A key that does not belong to the certificate changes nothing.
    try folder.write(try AdmissionCertificates.make(hosts: []).server.privateKeyPEM, to: "tls.key")
    try await controlPlane.line(with: "the certificate of the admission server cannot be updated", "tls.key")
    #expect(try await isServed(first))
    let second = try write()
    try await eventually("the second certificate") { try await isServed(second) }
    await controlPlane.stop()
  }

  private func certificates(_ server: KubernetesServer, _ namespace: String) async throws -> AdmissionCertificates {
    let text = try await server.succeed(["get", "secret", AdmissionSecret.name, "-n", namespace, "-o", "json"])
    let object = try #require(try DocumentValue(json: Array(text.utf8)).object)
    return try #require(AdmissionSecret.certificates(in: KubernetesObject(object)))
  }

  /// Waits until the webhooks are asked and answer.
  private func waitForAnswers(_ server: KubernetesServer, _ name: String) async throws {
    try await eventually("answers of the admission server") {
      try await server.kubectl(.newest, "apply", "-f", "-", input: RunningCluster.mesh(name)).isSuccess
    }
    let label = try await server.succeed(["get", "mesh", name, "-o", #"jsonpath={.metadata.labels.kuma\.io/origin}"#])
    #expect(label == "zone")
  }
}
