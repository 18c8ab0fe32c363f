import KubernetesTestSupport
import MeshTestSupport
import ProxySimulation
import TestSupport
import Testing

/// The samples of the policy's documentation, tab Kubernetes, as they stand there.
@Suite(.onKubernetes, .cluster, .serialized, .timeLimit(.minutes(60))) struct SamplesTests {
  @Test("Both samples reach a proxy, with a changed sampling and a removal", arguments: KubectlAge.allCases)
  func samples(_ age: KubectlAge) async throws {
    let cluster = try await RunningCluster.shared()
    let server = cluster.server
    let namespace = try await server.makeNamespace("samples")
    func apply(_ document: String, says line: String, warns warning: String? = nil) async throws {
      let answer = try await server.kubectl(age, "apply", "-f", "-", input: document)
      #expect(answer.output == line && answer.status == 0, "\(answer)")
      let warnings = answer.errors.split(separator: "\n")
      #expect(warnings.count == (warning == nil ? 0 : 1), "\(answer)")
      if let warning { #expect(warnings.first?.hasPrefix("Warning: \(warning)") == true, "\(answer)") }
    }
    try await apply(DocumentedSample.mesh, says: "mesh.kuma.io/default created")
    try await apply(DocumentedSample.mesh, says: "mesh.kuma.io/default unchanged")
    try await apply(
      RunningCluster.dataplane("web-1", namespace: namespace, mesh: "default", service: "web"),
      says: "dataplane.kuma.io/web-1 created")
    try await withProxies(["web-1.\(namespace)"], mesh: "default", at: cluster.controlPlane) { fleet in
      try await fleet.waitForNoTracing()
      try await apply(DocumentedSample.policy, says: "traffictrace.kuma.io/trace-all-traffic created")
      try await fleet.waitForAll(toHold: "tracing:jaeger-collector")
      try await fleet.waitForAll(toSample: 100)
      try await apply(DocumentedSample.policy, says: "traffictrace.kuma.io/trace-all-traffic unchanged")

      let changed = DocumentedSample.mesh.replacing("sampling: 100.0", with: "sampling: 12.5")
      try await apply(
        changed, says: "mesh.kuma.io/default configured",
        warns: "Tracing backend \"jaeger-collector\" has sampling 12.5: Envoy chooses")
      try await fleet.waitForAll(toSample: 12.5)

      let deletion = try await server.kubectl(age, "delete", "-f", "-", input: DocumentedSample.policy)
      #expect(deletion.output == #"traffictrace.kuma.io "trace-all-traffic" deleted"#)
      try await fleet.waitForNoTracing()
    }
    #expect(try await server.kubectl(age, "delete", "namespace", namespace).isSuccess)
    // A mesh that has Dataplanes is not deleted; the proxy's goes with its namespace.
    try await eventually("the deletion of the mesh") {
      try await server.kubectl(age, "delete", "mesh", "default").output == #"mesh.kuma.io "default" deleted"#
    }
  }
}
