import Documents
import Foundation
import KubernetesTestSupport
import PodNetwork
import ProcessSupervisor
import Synchronization
import TestSupport
import Testing

/// `kuma-demo --kubernetes` as a process, with an API server of its own.
@Suite(
  .onKubernetes, .inNetworkNamespaces, .heavy, .serialized,
  .enabled(if: TestPrograms.envoyProgram != nil, "there is no Envoy"), .timeLimit(.minutes(30)))
struct ClusterDemoTests {
  /// How a run ended, and what it left.
  struct Run {
    var status: ProcessSupervisor.ExitStatus
    var summary: DocumentValue
    var errors: String
    /// Files of its folder for temporary files, processes that name that folder, and links of pods.
    var left: [String]
  }

  /// Runs the demo.
  ///
  /// - Parameters:
  ///   - launcher: a command that becomes the program and its arguments, which are put behind it.
  ///   - text: the demo is interrupted as soon as it says this.
  private static func run(launcher: [String] = [], interruptAfter text: String? = nil) async throws -> Run {
    let turn = await ServerTurn.take()
    defer { withExtendedLifetime(turn) {} }
    let folder = try TemporaryFolder()
    let output = Mutex("")
    let errors = Mutex("")
    var environment = ChildProcess.currentEnvironment
    environment["TMPDIR"] = folder.path
    let command =
      launcher + [
        try TestPrograms.path("kuma-demo"), "--kubernetes", "--headless", "--free-ports", "--requests", "6",
      ]
    let process = try ChildProcess.start(
      ChildProcess.Command(
        command[0], Array(command.dropFirst()), environment: environment,
        output: .lines { line in output.withLock { $0 += line + "\n" } },
        errors: .lines { line in errors.withLock { $0 += line + "\n" } }))
    if let text {
      do {
        try await eventually(deadline: .seconds(300), "the demo to say: \(text)") {
          errors.withLock { $0.contains(text) } || process.currentExitStatus != nil
        }
      } catch {
        await process.terminate(grace: .seconds(20))
        throw error
      }
      process.signal(.interrupt)
    }
    let status = await process.end(within: .seconds(400))
    let files = try FileManager.default.contentsOfDirectory(atPath: folder.path)
    let left = try files + processes(naming: folder.path) + links(of: process.pid)
    let text = output.withLock { $0 }
    return Run(
      status: status, summary: (try? DocumentValue(json: Array(text.utf8))) ?? .null, errors: errors.withLock { $0 },
      left: left)
  }

  private static func processes(naming text: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: "/proc").compactMap { entry in
      guard Int(entry) != nil, let data = FileManager.default.contents(atPath: "/proc/\(entry)/cmdline") else {
        return nil
      }
      let line = String(decoding: data, as: UTF8.self)
      return line.contains(text) ? line : nil
    }
  }

  /// The links to networks of pods that a process has made; other tests make such links at the same time.
  private static func links(of process: Int32) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: "/sys/class/net").filter { name in
      let alias = FileManager.default.contents(atPath: "/sys/class/net/\(name)/ifalias") ?? Data()
      return String(decoding: alias, as: UTF8.self) == PodNetwork.alias(of: process) + "\n"
    }
  }

  @Test("one tree holds both sides of every call between four pods, and nothing is left")
  func wholeTrace() async throws {
    let run = try await Self.run()
    #expect(run.status.isSuccess, "\(run.errors)")
    #expect(run.summary["ok"] == true, "\(run.summary.json())")
    #expect(run.summary["services"]?.array?.count == 4)
    // The request of the storefront's pod to its own Service is a call, too.
    #expect(run.summary["clientSpans"] == 4)
    #expect(run.summary["serverSpans"] == 4)
    #expect(run.errors.contains("→ payments_kuma-demo_svc_80 client"))
    #expect(run.errors.contains("kuma-init, kuma-sidecar"))
    #expect(run.left.isEmpty, "\(run.left)")
  }

  @Test("a signal ends it, and nothing is left")
  func interrupted() async throws {
    let run = try await Self.run(interruptAfter: "four Deployments")
    #expect(run.status.shellCode == 1)
    #expect(run.summary["failure"] == "interrupted", "\(run.errors)")
    #expect(run.left.isEmpty, "\(run.left)")
  }

  @Test(
    "a machine that cannot run pods is told what is missing",
    arguments: [
      (
        ["unshare", "--mount", "sh", "-c", "mount -t tmpfs tmpfs /usr/sbin && exec \"$@\"", "sh"],
        "there is no program iptables; install the package iptables"
      ),
      (
        ["setpriv", "--bounding-set", "-all", "--inh-caps", "-all"],
        "pods cannot be run on this machine: this machine does not allow namespaces"
      ),
    ])
  func impossible(launcher: [String], sentence: String) async throws {
    let run = try await Self.run(launcher: launcher)
    #expect(run.status.shellCode == 1)
    let failure = run.summary["failure"]?.string ?? ""
    #expect(failure.contains(sentence), "\(failure)")
    #expect(run.left.isEmpty, "\(run.left)")
  }
}
