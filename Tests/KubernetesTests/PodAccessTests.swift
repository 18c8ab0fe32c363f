import AsyncHTTPClient
import Documents
import Foundation
import KubernetesTestSupport
import NIOCore
import PodNetwork
import TestSupport
import Testing

/// Pods that come to the control plane from the network, as in a cluster: it takes TLS alone, and asks who is there.
@Suite(
  .onKubernetes, .inNetworkNamespaces, .heavy, .enabled(if: TestPrograms.envoyProgram != nil, "there is no Envoy"),
  .timeLimit(.minutes(60)))
struct PodAccessTests {
  private static let pod = """
    apiVersion: v1
    kind: Service
    metadata: {name: web}
    spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080, appProtocol: http}]}
    ---
    apiVersion: v1
    kind: Pod
    metadata: {name: web, labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - {name: app, image: python, args: [-m, http.server, "8080"]}
    """

  @Test(
    "Spans of a pod arrive over TLS with a token that nobody configured; without one, its application gets in nowhere")
  func strangers() async throws {
    let cluster = try await PodCluster.shared()
    let controlPlane = cluster.controlPlane
    try await cluster.run(asStrangers: true) { rig in
      // The address of the documents, which say http.
      let host = "kuma-control-plane.\(controlPlane.systemNamespace)"
      let place = "\(host):\(controlPlane.ports.collector)"
      try await cluster.server.apply(RunningCluster.mesh(rig.namespace, url: "http://\(place)/api/v2/spans"))
      try await cluster.server.apply(RunningCluster.policy(rig.namespace, mesh: rig.namespace))
      try await rig.apply(Self.pod)
      try await rig.waitUntilReady("pod/web")
      let address = try await rig.field("pod/web", ".status.podIP")
      try await eventually(deadline: .seconds(120), "a trace of the pod") {
        let request = HTTPClientRequest(url: "http://\(address):8080/")
        _ = try? await HTTPClient.shared.execute(request, timeout: .seconds(20)).body.collect(upTo: 1 << 20)
        return try await !cluster.traces("web_\(rig.namespace)_svc_80").isEmpty
      }

      // The application itself has neither a token nor the rights of its proxy.
      func status(_ arguments: [String]) async throws -> String {
        let command = ["curl", "--silent", "--output", "/dev/null", "--write-out", "%{http_code}", "--insecure"]
        let result = try await rig.node.execute(command + arguments, in: "web", rig.namespace, container: "app")
        return result.output
      }
      let spans = ["--header", "Content-Type: application/json", "--data", "[]", "https://\(place)/api/v2/spans"]
      #expect(try await status(["http://\(place)/api/v2/services"]) == "400")
      #expect(try await status(["https://\(place)/api/v2/services"]) == "401")
      #expect(try await status(spans) == "401")
      #expect(try await status(["https://\(place)/health"]) == "200")

      // What the document tells for applications that send spans themselves.
      let token = try await cluster.server.succeed([
        "get", "secret", "trace-ingest-token-\(rig.namespace)-1", "--namespace", controlPlane.systemNamespace, "-o",
        "jsonpath={.data.value}",
      ])
      let shown = String(decoding: try #require(Data(base64Encoded: token)), as: UTF8.self)
      let bearer = "Authorization: Bearer \(shown)"
      #expect(try await status(["--header", bearer] + spans) == "202")
      #expect(try await status(["--header", bearer, "https://\(place)/api/v2/services"]) == "403")
      #expect(!controlPlane.log.contains { $0.contains(shown) })
    }
  }
}
