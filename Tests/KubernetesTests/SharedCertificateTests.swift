import Foundation
import KubernetesTestSupport
import TestSupport
import Testing

/// Who trusts one control plane of a cluster trusts all.
@Suite(.onKubernetes, .heavy, .timeLimit(.minutes(60))) struct SharedCertificateTests {
  @Test("One authority, from a Secret, signs the certificates of two control planes, with the names of their Service")
  func twoControlPlanes() async throws {
    let server = try await KubernetesServer.shared(.plain)
    try await server.installCustomResources()
    let namespace = try await server.makeNamespace("system")
    let controlPlanes = try (0..<2).map { _ in
      try ControlPlaneOnKubernetes(kubeconfig: server.kubeconfig, systemNamespace: namespace)
    }
    for controlPlane in controlPlanes { try await controlPlane.start() }
    let secret = [
      "get", "secret", "kuma-control-plane-dataplane", "-n", namespace, "-o", #"jsonpath={.data.tls\.crt}"#,
    ]
    let encoded = try await server.succeed(secret)
    let certificate = String(decoding: try #require(Data(base64Encoded: encoded)), as: UTF8.self)
    for controlPlane in controlPlanes {
      // The name decides nothing for the server; the client checks it against the certificate.
      let answer = try await KubernetesPrograms.run(
        "/usr/bin/openssl",
        [
          "s_client", "-connect", "127.0.0.1:\(controlPlane.ports.dataplane)", "-verify_hostname",
          "kuma-control-plane.\(namespace).svc", "-CAfile", try Self.file(certificate, in: server.folder),
        ], input: "")
      #expect(answer.output.contains("Verify return code: 0 (ok)"), "\(answer)")
      await controlPlane.stop()
    }
  }

  private static func file(_ text: String, in folder: String) throws -> String {
    let path = "\(folder)/\(UUID().uuidString).crt"
    try text.write(toFile: path, atomically: true, encoding: .utf8)
    return path
  }
}
