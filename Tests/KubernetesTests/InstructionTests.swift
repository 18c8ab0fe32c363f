import Documents
import Foundation
import KubernetesTestSupport
import PodNetwork
import TestSupport
import Testing

/// What docs/kubernetes.md tells a newcomer to type, typed. Where this machine allows it, the pods of the demo run.
@Suite(.onKubernetes, .cluster, .timeLimit(.minutes(60))) struct InstructionTests {
  /// The commands of a page, by section.
  private struct Page {
    private var blocks: [String: [String]] = [:]

    init() throws {
      for block in try DocumentBlock.all(in: "docs/kubernetes.md") where block.language == "sh" {
        blocks[block.section, default: []].append(block.text.trimmingCharacters(in: .newlines))
      }
      // As many as are typed below.
      #expect(blocks.values.joined().count == 16)
    }

    /// One block of a section; there must be as many as are said.
    func block(_ index: Int, of count: Int, in section: String) throws -> String {
      let found = blocks[section] ?? []
      try #require(found.count == count, "section \"\(section)\" has \(found.count) blocks of commands")
      return found[index]
    }
  }

  /// Somebody at a shell, with `kumactl` and `kubectl` in the path.
  private struct Shell {
    let server: KubernetesServer
    let folder: TemporaryFolder

    init(_ server: KubernetesServer) throws {
      self.server = server
      folder = try TemporaryFolder()
      for (name, path) in [
        ("kumactl", try TestPrograms.path("kumactl")),
        ("kubectl", try KubernetesPrograms.path(KubectlAge.newest.rawValue)),
      ] {
        try FileManager.default.createSymbolicLink(atPath: folder.file(name), withDestinationPath: path)
      }
    }

    /// Types commands; each has to succeed.
    func type(_ commands: String) async throws -> KubernetesPrograms.Output {
      let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
      let output = try await KubernetesPrograms.run(
        "bash", ["-c", "set -eo pipefail\n\(commands)"],
        environment: ["PATH": "\(folder.path):\(path)", "KUBECONFIG": server.kubeconfig, "HOME": folder.path])
      #expect(output.isSuccess, "\(commands)\n\(output)")
      return output
    }
  }

  @Test func stepsLeadFromAnEmptyClusterToATraceAndBack() async throws {
    let server = try await KubernetesServer.start()
    do {
      try await follow(try Page(), Shell(server))
    } catch {
      await server.remove()
      throw error
    }
    await server.remove()
  }

  private func follow(_ page: Page, _ shell: Shell) async throws {
    let server = shell.server
    let kubelet = PlayedKubelet(server: server)
    func step(_ number: Int) throws -> String {
      try page.block(number - 1, of: 10, in: "From an empty cluster to a trace")
    }
    _ = try await shell.type(try step(1))
    let again = try await shell.type(try step(1))
    let lines = again.output.split(separator: "\n")
    #expect(lines.count > 10)
    #expect(lines.allSatisfy { $0.hasSuffix(" unchanged") }, "\(again.output)")
    try await kubelet.run(1, in: "kuma-system")
    _ = try await shell.type(try step(2))

    // The control plane runs on this machine, in the place of the pod.
    let controlPlane = try ControlPlaneOnKubernetes(
      kubeconfig: server.kubeconfig, systemNamespace: "kuma-system",
      settings: [
        "KUMA_DEFAULTS_SKIP_MESH_CREATION": "false", "KUMA_DP_SERVER_AUTHN_DP_PROXY_TYPE": "serviceAccountToken",
        // In a pod it listens on all addresses, and takes TLS for that reason.
        "KUMA_COLLECTOR_TLS_ENABLED": "true",
      ])
    try await server.apply(try await RunningCluster.webhooks(of: controlPlane))
    try await controlPlane.start()
    try await RunningCluster.waitForWebhooks(of: controlPlane, on: server)
    try await eventually("the first mesh") { try await server.kubectl(.newest, "get", "mesh", "default").isSuccess }
    // On this machine the collector has another port than in a cluster.
    let backend = try step(3)
    #expect(backend.contains("http://kuma-control-plane.kuma-system:9411/api/v2/spans"))
    _ = try await shell.type(backend.replacing(":9411/", with: ":\(controlPlane.ports.collector)/"))
    let traced = try await shell.type(try step(4))
    #expect(traced.output.contains("traffictrace.kuma.io/trace-all-traffic created"), "\(traced)")
    if NetworkNamespaces.isAvailable, TestPrograms.envoyProgram != nil {
      try await runDemo(controlPlane, shell, step)
    } else {
      try await startDemo(shell, step) { try await kubelet.run(4, in: "kuma-demo") }
    }
    try await writeMore(page, shell)
    await controlPlane.stop()
    try await remove(page, shell, installing: try step(1))
  }

  /// The demo's pods run on this machine, in network namespaces, and leave traces.
  private func runDemo(
    _ controlPlane: ControlPlaneOnKubernetes, _ shell: Shell, _ step: (Int) throws -> String
  ) async throws {
    try await PodRig.run(
      on: shell.server, namespace: "kuma-demo", images: try PodCluster.images(),
      settings: { $0.hosts["kuma-control-plane.kuma-system"] = $1.hostAddress },
      { rig in
        // The control plane sees the pods come from the network, and asks them for what it asks in a cluster.
        try await rig.expose(controlPlane.ports.dataplane, asStranger: true)
        try await rig.expose(controlPlane.ports.collector, asStranger: true)
        do {
          try await startDemo(shell, step)
          try await sendRequests(controlPlane, shell, rig, step)
        } catch {
          Issue.record("\(error)\n\(await rig.state())\n\(controlPlane.tail)")
        }
      })
  }

  /// What kubectl asks a kubelet for, done by the rig.
  private func sendRequests(
    _ controlPlane: ControlPlaneOnKubernetes, _ shell: Shell, _ rig: PodRig, _ step: (Int) throws -> String
  ) async throws {
    let match = try #require(
      try step(8).wholeMatch(of: /kubectl -n (\S+) exec deployment\/(\S+) -c (\S+) -- (.+)/), "the command of step 8")
    #expect(match.1 == rig.namespace[...])
    let command = match.4.split(separator: " ").map(String.init)
    let pod = try await rig.field("pods", ".items[?(@.metadata.labels.app=='\(match.2)')].metadata.name")
    #expect(try step(9).contains("port-forward deployment/kuma-control-plane 5681 9411"))
    let look = try step(10).replacing("localhost:9411", with: "localhost:\(controlPlane.ports.collector)")
    try await eventually(deadline: .seconds(120), "a trace through all four services") {
      let sent = try await rig.node.execute(command, in: pod, rig.namespace, container: String(match.3))
      #expect(sent.output.split(separator: "\n").count == 5 || sent.status != 0, "\(sent)")
      let found = try await shell.type(look)
      let names = try (DocumentValue(json: found.output.utf8).array ?? []).map { trace in
        Set((trace.array ?? []).compactMap { $0["localEndpoint"]?["serviceName"]?.string })
      }
      return names.contains(Set(Self.services))
    }
  }

  /// The demo's services, as they are called in the mesh.
  private static let services = ["catalogue", "checkout", "payments", "storefront"].map { "\($0)_kuma-demo_svc_80" }

  /// The demo's pods get proxies, and Dataplanes.
  ///
  /// - Parameter run: lets the pods run.
  private func startDemo(
    _ shell: Shell, _ step: (Int) throws -> String, run: () async throws -> Void = {}
  ) async throws {
    let installed = try await shell.type(try step(5))
    #expect(installed.output.split(separator: "\n").count == 13)
    #expect(!installed.errors.contains("appProtocol"), "\(installed.errors)")
    try await run()
    _ = try await shell.type(try step(6))
    _ = try await shell.type(try step(7))
    let containers = try await shell.server.succeed([
      "get", "pods", "-n", "kuma-demo", "-o", "jsonpath={.items[*].spec.containers[0].name}",
    ])
    #expect(containers.split(separator: " ") == Array(repeating: "kuma-sidecar", count: 4))
    let tag = #"jsonpath={.items[*].spec.networking.inbound[*].tags.kuma\.io/service}"#
    try await eventually("the Dataplanes of the pods") {
      try await shell.server.succeed(["get", "dataplanes", "-n", "kuma-demo", "-o", tag]).split(separator: " ").sorted()
        == Self.services.map { $0[...] }
    }
  }

  /// The documents of Kuma's documentation, and a Dataplane of one's own.
  private func writeMore(_ page: Page, _ shell: Shell) async throws {
    let documents = try await shell.type(try page.block(0, of: 1, in: "Documents"))
    #expect(documents.output.contains("traffictrace.kuma.io/trace-all-traffic configured"), "\(documents)")
    let proxy = try await shell.type(try page.block(0, of: 1, in: "A proxy outside of pods"))
    #expect(proxy.output.contains("dataplane.kuma.io/web created"), "\(proxy)")
    _ = try await shell.type(try page.block(0, of: 1, in: "Is it traced?"))
  }

  private func remove(_ page: Page, _ shell: Shell, installing install: String) async throws {
    let server = shell.server
    // What is written stays when everything else is removed.
    _ = try await shell.type(try page.block(0, of: 1, in: "Upgrade"))
    _ = try await shell.type(try page.block(1, of: 2, in: "Remove"))
    let kept = try await server.succeed(["get", "meshes,traffictraces", "-o", "name"])
    #expect(kept.split(separator: "\n") == ["mesh.kuma.io/default", "traffictrace.kuma.io/trace-all-traffic"])
    #expect(try await server.succeed(["get", "dataplanes", "-A", "-o", "name"]).contains("dataplane.kuma.io/web"))
    let left = try await server.succeed(
      [
        "get", "mutatingwebhookconfigurations,validatingwebhookconfigurations,clusterroles,clusterrolebindings", "-o",
        "name",
      ])
    #expect(!left.contains("kuma-"), "\(left)")
    #expect(try await !server.succeed(["get", "namespaces", "-o", "name"]).contains("kuma-system"))

    // Or it goes, too.
    _ = try await shell.type(install)
    _ = try await shell.type(try page.block(0, of: 2, in: "Remove"))
    #expect(try await server.succeed(["get", "crds", "-o", "name"]).isEmpty)
  }
}
