import Documents
import Foundation
import KubernetesTestSupport
import Synchronization
import TestSupport
import Testing

/// What people do with kubectl, beside `apply` and `delete` of the documentation.
@Suite(.onKubernetes, .heavy, .timeLimit(.minutes(60))) struct KubectlTests {
  /// A mesh of a test's own with a policy.
  private static func makeMesh(_ server: KubernetesServer, _ prefix: String) async throws -> (
    mesh: String, policy: String
  ) {
    let mesh = RunningCluster.name(prefix)
    let policy = RunningCluster.name(prefix)
    try await server.apply(RunningCluster.mesh(mesh))
    try await server.apply(RunningCluster.policy(policy, mesh: mesh))
    return (mesh, policy)
  }

  @Test("get and explain show what is there", arguments: KubectlAge.allCases)
  func show(_ age: KubectlAge) async throws {
    let server = try await RunningCluster.shared().server
    let (mesh, policy) = try await Self.makeMesh(server, "show")
    let policies = try await server.kubectl(age, "get", "traffictraces", policy)
    let rows = policies.output.split(separator: "\n").map { $0.split(separator: " ", omittingEmptySubsequences: true) }
    #expect(rows.count == 2 && rows[0].first == "NAME" && rows[0].last == "AGE", "\(policies)")
    #expect(rows.count == 2 && rows[1].starts(with: [Substring(policy), Substring(mesh), "spans"]), "\(policies)")
    let all = try await server.kubectl(age, "get", "kuma").output
    #expect(all.contains("mesh.kuma.io/\(mesh) ") && all.contains("traffictrace.kuma.io/\(policy) "), "\(all)")
    let whole = try await server.kubectl(
      age, "get", "traffictrace", policy, "-o", "jsonpath={.mesh} {.spec.conf.backend}")
    #expect(whole.output == "\(mesh) spans")

    let explained = try await server.kubectl(age, "explain", "traffictrace.spec").output
    #expect(explained.contains("selectors[].match") && explained.contains("conf.backend"), "\(explained)")
    let explainedMesh = try await server.kubectl(age, "explain", "mesh.spec").output
    #expect(explainedMesh.contains("tracing.backends[]") && explainedMesh.contains("sampling"), "\(explainedMesh)")
    #expect(try await server.kubectl(age, "explain", "traffictrace").output.contains("<string>"))
  }

  @Test("diff says what would change and changes nothing", arguments: KubectlAge.allCases)
  func diff(_ age: KubectlAge) async throws {
    let server = try await RunningCluster.shared().server
    let mesh = RunningCluster.name("diff")
    let document = RunningCluster.mesh(mesh)
    #expect(try await server.kubectl(age, "apply", "-f", "-", input: document).isSuccess)
    let nothing = try await server.kubectl(age, "diff", "-f", "-", input: document)
    #expect(nothing.status == 0 && nothing.output == "", "\(nothing)")
    let something = try await server.kubectl(
      age, "diff", "-f", "-", input: document.replacing("sampling: 100.0", with: "sampling: 50"))
    #expect(something.status == 1, "\(something)")
    let lines = something.output.split(separator: "\n").filter { $0.contains("sampling: ") }
    #expect(lines == ["-      sampling: 100", "+      sampling: 50"], "\(something)")
    let sampling = "jsonpath={.spec.tracing.backends[0].sampling}"
    #expect(try await server.kubectl(age, "get", "mesh", mesh, "-o", sampling).output == "100")
  }

  @Test("get -w sees a policy come, change and go", arguments: KubectlAge.allCases)
  func watch(_ age: KubectlAge) async throws {
    let server = try await RunningCluster.shared().server
    let (mesh, policy) = try await Self.makeMesh(server, "watch")
    let lines = Mutex<[String]>([])
    // The kind of each event about the policy, and the backend that it had.
    let seen: @Sendable () -> [String] = {
      lines.withLock { $0 }.compactMap { line in
        let words = line.split(separator: " ", omittingEmptySubsequences: true)
        return words.count > 3 && words[1] == policy ? "\(words[0]) \(words[3])" : nil
      }
    }
    let watching = Task {
      try await server.kubectl(age, ["get", "traffictraces", "-w", "--output-watch-events"]) { line in
        lines.withLock { $0.append(line) }
      }
    }
    defer { watching.cancel() }
    try await eventually("the policy") { seen().contains("ADDED spans") }
    try await server.apply(RunningCluster.policy(policy, mesh: mesh, backend: "others"))
    try await eventually("its change") { seen().contains("MODIFIED others") }
    #expect(try await server.kubectl(age, "delete", "traffictrace", policy).isSuccess)
    try await eventually("its end") { seen().last == "DELETED others" }
  }

  @Test("Server-side apply tells who owns a field, and may be forced", arguments: KubectlAge.allCases)
  func serverSideApply(_ age: KubectlAge) async throws {
    let cluster = try await RunningCluster.shared()
    let server = cluster.server
    let mesh = RunningCluster.name("ssa")
    let document = RunningCluster.mesh(mesh)
    let changed = document.replacing("sampling: 100.0", with: "sampling: 50")
    func apply(_ document: String, _ arguments: String...) async throws -> KubernetesPrograms.Output {
      try await server.kubectl(age, ["apply", "--server-side", "-f", "-"] + arguments, input: document)
    }
    for _ in 0..<2 {
      let answer = try await apply(document)
      #expect(answer.output == "mesh.kuma.io/\(mesh) serverside-applied", "\(answer)")
    }
    let conflict = try await apply(changed, "--field-manager=other")
    #expect(conflict.status == 1 && conflict.errors.contains(".spec"), "\(conflict)")
    let forced = try await apply(changed, "--field-manager=other", "--force-conflicts")
    #expect(forced.output == "mesh.kuma.io/\(mesh) serverside-applied", "\(forced)")
    // The control plane has the same.
    try await eventually("the mesh with its sampling") {
      let seen = try? await cluster.controlPlane.get("/meshes/\(mesh)")
      return seen?["tracing"]?["backends"]?.array?.first?["sampling"]?.number == 50
    }
  }

  @Test(
    "Warnings are printed by a dry run as by an apply, and a dry run stores nothing", arguments: KubectlAge.allCases)
  func warnings(_ age: KubectlAge) async throws {
    let server = try await RunningCluster.shared().server
    let mesh = RunningCluster.name("warnings")
    try await server.apply(RunningCluster.mesh(mesh))
    let policy = RunningCluster.name("misspelt")
    let document =
      RunningCluster.policy(policy, mesh: mesh, backend: "span") + "\n  sampling: 5\n"
    let dry = try await server.kubectl(age, "apply", "--dry-run=server", "-f", "-", input: document)
    #expect(dry.output == "traffictrace.kuma.io/\(policy) created (server dry run)", "\(dry)")
    #expect(dry.errors.contains("Warning: ") && dry.errors.contains("did you mean \"spans\"?"), "\(dry)")
    #expect(dry.errors.contains("sampling"), "\(dry)")
    #expect(try await server.kubectl(age, "get", "traffictrace", policy).status == 1)

    let applied = try await server.kubectl(age, "apply", "-f", "-", input: document)
    #expect(applied.output == "traffictrace.kuma.io/\(policy) created", "\(applied)")
    #expect(applied.errors == dry.errors)
    // What is not known is kept.
    #expect(
      try await server.kubectl(age, "get", "traffictrace", policy, "-o", "jsonpath={.spec.sampling}").output == "5")
  }

  @Test("The policies of a mesh go with it", arguments: KubectlAge.allCases)
  func deleteMesh(_ age: KubectlAge) async throws {
    let server = try await RunningCluster.shared().server
    let (mesh, policy) = try await Self.makeMesh(server, "owner")
    let deletion = try await server.kubectl(age, "delete", "mesh", mesh)
    #expect(deletion.output == #"mesh.kuma.io "\#(mesh)" deleted"#, "\(deletion)")
    try await eventually("the end of the policy") {
      try await server.kubectl(age, "get", "traffictrace", policy).errors.contains("not found")
    }
  }
}
