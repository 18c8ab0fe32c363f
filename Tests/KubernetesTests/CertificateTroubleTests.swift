import Certificates
import Foundation
import KubernetesTestSupport
import TestSupport
import Testing

/// Certificates that are not valid now: those of the API server, which a wrong clock makes invalid too.
@Suite(.onKubernetes, .heavy) struct CertificateTroubleTests {
  private static let day: TimeInterval = 86_400

  /// Certificates of an authority, each for a name of its own, by which a client asks for it.
  private static let cases = [
    (name: "ended.test", made: -10 * day, said: ["expired on", "renew the certificate, or set the clock"]),
    (
      name: "later.test", made: 10 * day,
      said: ["is not valid before", "the clock of this machine says", "set the clock"]
    ),
  ]

  @Test func certificateOfTheAPIServerIsNotValidNow() async throws {
    let folder = try TemporaryFolder()
    let authority = try CertificateAuthority.make(
      commonName: "authority", lifetime: 100 * Self.day, now: Date(timeIntervalSinceNow: -20 * Self.day))
    let authorityFile = try folder.write(authority.certificatePEM, to: "ca.crt")
    var flags: [String] = []
    for (name, made, _) in Self.cases {
      let certificate = try authority.issue(
        commonName: name, hosts: [name], lifetime: Self.day, now: Date(timeIntervalSinceNow: made))
      let file = try folder.write(certificate.certificatePEM, to: "\(name).crt")
      let key = try folder.write(certificate.privateKeyPEM, to: "\(name).key")
      flags.append("--tls-sni-cert-key=\(file),\(key):\(name)")
    }
    let server = try await KubernetesServer.start(controllers: false, flags: flags)
    do {
      let system = try await server.makeNamespace("system")
      for (name, _, said) in Self.cases {
        let kubeconfig = try folder.write(
          try String(contentsOfFile: server.kubeconfig, encoding: .utf8)
            .replacing(server.authority, with: "\(authorityFile)\", tls-server-name: \"\(name)"),
          to: "\(name).kubeconfig")
        let controlPlane = try ControlPlaneOnKubernetes(kubeconfig: kubeconfig, systemNamespace: system)
        try controlPlane.launch()
        for text in said { try await controlPlane.line(with: server.address, text) }
        // The log may have it from an election before the store's first list has failed.
        let ready = try await eventually("\(said[0]) in the answer of /ready") {
          try await controlPlane.ready().flatMap { $0.text.contains(said[0]) ? $0 : nil }
        }
        #expect(ready.status == 503)
        #expect(controlPlane.exitStatus == nil)
        await controlPlane.stop()
      }
    } catch {
      await server.remove()
      throw error
    }
    await server.remove()
  }
}
