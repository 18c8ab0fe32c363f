import Foundation
import KubernetesTestSupport
import TestSupport
import Testing

/// What docs/kubernetes.md tells a newcomer to type, typed.
@Suite(.onKubernetes, .heavy, .timeLimit(.minutes(60))) struct InstructionTests {
  /// The commands of a page, by section.
  private struct Page {
    private var blocks: [String: [String]] = [:]

    init() throws {
      let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
      let text = try String(contentsOf: root.appending(path: "docs/kubernetes.md"), encoding: .utf8)
      var section = ""
      var block: [String]?
      for line in text.components(separatedBy: "\n") {
        if let lines = block {
          if line == "```" {
            blocks[section, default: []].append(lines.joined(separator: "\n"))
            block = nil
          } else {
            block?.append(line)
          }
        } else if line == "```sh" {
          block = []
        } else if line.hasPrefix("#") {
          section = line.drop { $0 == "#" }.trimmingCharacters(in: .whitespaces)
        }
      }
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
    // Pods do not run here, so nothing is rolled out.
    let install = try page.block(1, of: 3, in: "Install").components(separatedBy: "\n")
      .filter { !$0.contains("rollout status") }.joined(separator: "\n")
    _ = try await shell.type(install)
    let again = try await shell.type(install)
    let lines = again.output.split(separator: "\n")
    #expect(lines.count > 10)
    #expect(lines.allSatisfy { $0.hasSuffix(" unchanged") }, "\(again.output)")

    // The control plane runs on this machine, in the place of the pod.
    let controlPlane = try ControlPlaneOnKubernetes(
      kubeconfig: server.kubeconfig, systemNamespace: "kuma-system",
      settings: ["KUMA_DEFAULTS_SKIP_MESH_CREATION": "false"])
    try await server.apply(try await RunningCluster.webhooks(of: controlPlane))
    try await controlPlane.start()
    try await eventually("the first mesh") { try await server.kubectl(.newest, "get", "mesh", "default").isSuccess }
    let traced = try await shell.type(try page.block(0, of: 1, in: "First trace"))
    #expect(traced.output.contains("traffictrace.kuma.io/trace-all-traffic created"), "\(traced)")
    let proxy = try await shell.type(try page.block(0, of: 2, in: "A proxy"))
    #expect(proxy.output.contains("dataplane.kuma.io/web created"), "\(proxy)")
    _ = try await shell.type(try page.block(0, of: 1, in: "Is it traced?"))

    // What is written stays when everything else is removed.
    await controlPlane.stop()
    _ = try await shell.type(try page.block(0, of: 1, in: "Upgrade"))
    _ = try await shell.type(try page.block(1, of: 2, in: "Remove"))
    let kept = try await server.succeed(["get", "meshes,traffictraces,dataplanes", "-A", "-o", "name"])
    #expect(
      kept.split(separator: "\n")
        == ["mesh.kuma.io/default", "traffictrace.kuma.io/trace-all-traffic", "dataplane.kuma.io/web"])
    let left = try await server.succeed(
      [
        "get",
        "mutatingwebhookconfigurations,validatingwebhookconfigurations,clusterroles,clusterrolebindings,namespaces",
        "-o", "name",
      ])
    #expect(!left.contains("kuma-"), "\(left)")

    // Or it goes, too.
    _ = try await shell.type(install)
    _ = try await shell.type(try page.block(0, of: 2, in: "Remove"))
    #expect(try await server.succeed(["get", "crds", "-o", "name"]).isEmpty)
  }
}
