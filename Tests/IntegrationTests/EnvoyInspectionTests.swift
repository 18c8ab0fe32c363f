import MeshClient
import MeshModel
import MeshTestSupport
import ProcessSupervisor
import Testing

/// What running Envoys say of themselves, over the control plane.
@Suite(
  "Asking running Envoys", .fewAtATime, .serialized, .timeLimit(.minutes(60)),
  .enabled(if: Programs.envoy != nil, "needs an Envoy: $ENVOY or .venv/bin/envoy, which Scripts/setup installs"))
struct EnvoyInspectionTests {
  private static func inspect(
    _ proxy: String, _ type: String, in controlPlane: ControlPlaneProcess
  ) async throws -> String {
    let result = try await Programs.run(
      "kumactl", ["inspect", "dataplane", proxy, "--type=\(type)"], home: controlPlane.home)
    #expect(result.status.isSuccess, "\(proxy) \(type): \(result.errors)")
    return result.output.joined(separator: "\n")
  }

  @Test("two proxies of one machine that say nothing of administration are asked, each its own Envoy")
  func inspection() async throws {
    try await TracingSystem.run(proxies: false) { system in
      let controlPlane = system.controlPlane
      try await controlPlane.apply(
        TracingSystem.mesh(backends: [("b", system.embeddedURL)]) + "---\n" + TracingSystem.policy(backend: "b"))
      for (name, calls) in [("web", "api"), ("api", "web")] {
        try await system.start(name, calls: calls, namesAdminPort: false)
      }
      for proxy in system.proxies { try await proxy.waitUntilServing() }

      for proxy in system.proxies {
        let dump = try DocumentValue(
          json: Array(try await Self.inspect(proxy.name, "config-dump", in: controlPlane).utf8))
        let parts = dump["configs"]?.array ?? []
        let node = parts.compactMap { $0["bootstrap"]?["node"]?["id"]?.string }
        #expect(node == ["default.\(proxy.name)"])
        #expect(parts.contains { $0["dynamic_listeners"]?.array?.isEmpty == false })
        #expect(try await Self.inspect(proxy.name, "stats", in: controlPlane).contains("server.live: 1"))
        let clusters = try await Self.inspect(proxy.name, "clusters", in: controlPlane)
        #expect(clusters.contains("ads_cluster::"))
        #expect(clusters.contains("localhost:"))
      }
      let path = "/meshes/default/dataplanes/web"
      let statistics = try await controlPlane.get("\(path)/stats?format=json")
      #expect(statistics["stats"]?.array?.isEmpty == false)
      #expect(try await controlPlane.get("\(path)/clusters?format=json")["cluster_statuses"]?.array?.isEmpty == false)
      let endpoints = try await controlPlane.get("\(path)/xds?include_eds=true")
      let types = (endpoints["configs"]?.array ?? []).compactMap { $0["@type"]?.string }
      #expect(types.contains { $0.hasSuffix("EndpointsConfigDump") })

      // A proxy that is gone, and one that was never there, are not connected; an absent one is not found.
      try await controlPlane.apply(
        """
        type: Dataplane
        mesh: default
        name: never
        networking:
          address: 127.0.0.1
          inbound: [{port: 80, tags: {kuma.io/service: never}}]
        """)
      let refusals = [("never", 503), ("absent", 404)]
      for (name, status) in refusals {
        for view in ["xds", "stats", "clusters"] {
          let error = await #expect(throws: ControlPlaneError.self) {
            _ = try await controlPlane.get("/meshes/default/dataplanes/\(name)/\(view)")
          }
          #expect(error?.status == status, "\(name) \(view)")
        }
      }
      let said = try await Programs.run(
        "kumactl", ["inspect", "dataplane", "never", "--type=stats"], home: controlPlane.home)
      #expect(!said.status.isSuccess)
      #expect(said.errors.first?.contains("is not connected to this control plane") == true, "\(said.errors)")
    }
  }
}
