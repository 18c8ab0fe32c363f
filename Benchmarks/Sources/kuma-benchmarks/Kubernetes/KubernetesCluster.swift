import Foundation
import MeshModel
import ProcessSupervisor
import Synchronization

/// A real API server of Kubernetes with its etcd on this machine, without the controllers, and kubectl.
final class KubernetesCluster {
  /// The path of the kubeconfig, whose user may do everything.
  let kubeconfig: String
  /// The address of the API server.
  let address: String
  /// The path of the certificate that the API server is verified with.
  let authority: String
  private let server: ChildProcess
  private let kubectl: String
  private let folder: URL

  /// Runs one while something is done.
  static func run<Value>(_ context: BenchmarkContext, _ body: (KubernetesCluster) async throws -> Value) async throws
    -> Value
  {
    let cluster = try await KubernetesCluster(context)
    do {
      let value = try await body(cluster)
      await cluster.stop()
      return value
    } catch {
      await cluster.stop()
      throw error
    }
  }

  private init(_ context: BenchmarkContext) async throws {
    folder = URL(fileURLWithPath: context.newPath("kubernetes"))
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let lines = Mutex<[String]>([])
    let started = try ChildProcess.start(
      ChildProcess.Command(
        context.project.appending(path: "Scripts/kubernetes-apiserver").path,
        ["run", "sh", "-c", "echo \"$KUBECONFIG\"; command -v kubectl; exec sleep 86400"],
        environment: ChildProcess.currentEnvironment.merging(["APISERVER_CONTROLLERS": "0"]) { $1 },
        output: .lines { line in lines.withLock { $0.append(line) } },
        errors: .file(folder.appending(path: "log").path)))
    server = started
    let log = folder.appending(path: "log").path
    try await poll("the API server of Kubernetes", every: .milliseconds(50)) {
      if let status = started.currentExitStatus {
        let said = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
        throw BenchmarkFailure(description: "Scripts/kubernetes-apiserver \(status): \(said)")
      }
      return lines.withLock { $0.count > 1 }
    }
    (kubeconfig, kubectl) = lines.withLock { ($0[0], $0[1]) }
    let view = [
      kubectl, "--kubeconfig=\(kubeconfig)", "config", "view", "--minify", "--raw", "-o",
      "jsonpath={.clusters[0].cluster.server} {.clusters[0].cluster.certificate-authority}",
    ]
    let words = try await Self.output(view).split(separator: " ").map(String.init)
    try BenchmarkFailure.unless(words.count == 2, "the kubeconfig names no address and no certificate: \(words)")
    (address, authority) = (words[0], words[1])
  }

  private func stop() async { _ = await server.terminate(grace: .seconds(20)) }

  // MARK: Objects

  /// Installs the custom resources, and makes the namespaces of the control plane.
  func install(kumactl: String) async throws {
    let definitions = try write(try await Self.output([kumactl, "install", "crds"]), as: "crds.yaml")
    try await command("apply", "-f", definitions)
    for name in ["meshes", "traffictraces", "dataplanes", "dataplaneinsights"] {
      try await command("wait", "--for=condition=established", "--timeout=60s", "crd/\(name).kuma.io")
    }
    try await command("create", "namespace", "kuma-system")
    try await poll("the custom resources to be served", every: .milliseconds(100)) { [self] in
      (try? await command("get", "meshes,traffictraces,dataplanes,dataplaneinsights", "-A")) != nil
    }
  }

  /// Writes objects into a file for kubectl.
  ///
  /// - Returns: its path.
  func file(_ objects: [DocumentValue], as name: String) throws -> String {
    let list: DocumentValue = ["apiVersion": "v1", "kind": "List", "items": .array(objects)]
    return try write(list.json(), as: name)
  }

  /// Writes a text into a file.
  ///
  /// - Returns: its path.
  func write(_ text: String, as name: String) throws -> String {
    let path = folder.appending(path: name).path
    try Data(text.utf8).write(to: URL(fileURLWithPath: path))
    return path
  }

  /// Runs kubectl, which must succeed.
  @discardableResult
  func command(_ arguments: String...) async throws -> String {
    try await Self.output([kubectl, "--kubeconfig=\(kubeconfig)", "--cache-dir=\(folder.path)/cache"] + arguments)
  }

  /// Runs a program, which must succeed.
  func run(_ words: [String]) async throws { _ = try await Self.output(words) }

  /// What a program prints.
  private static func output(_ words: [String]) async throws -> String {
    let lines = Mutex<[String]>([])
    let errors = Mutex<[String]>([])
    let child = try ChildProcess.start(
      ChildProcess.Command(
        words[0], Array(words.dropFirst()), output: .lines { line in lines.withLock { $0.append(line) } },
        errors: .lines { line in errors.withLock { $0.append(line) } }))
    let status = await child.exitStatus()
    let said = errors.withLock { $0.joined(separator: " ") }
    try BenchmarkFailure.unless(status.isSuccess, "\(words.prefix(4).joined(separator: " ")) \(status): \(said)")
    return lines.withLock { $0.joined(separator: "\n") }
  }

  // MARK: Baselines

  /// A plain client that does nothing with what it gets: curl.
  func curl(_ path: String) -> [String] {
    [
      "curl", "--silent", "--no-buffer", "--fail", "--cacert", authority, "--header", "Authorization: Bearer admin",
      address + path,
    ]
  }
}

/// A client that watches one object, and does nothing but note when its events arrive.
final class BareWatcher {
  private let child: ChildProcess
  private let events: Events

  private final class Events: Sendable {
    private let lines = Mutex<[(text: String, time: ContinuousClock.Instant)]>([])

    func add(_ text: String) {
      let now = ContinuousClock.now
      lines.withLock { $0.append((text, now)) }
    }

    func first(with text: String) -> ContinuousClock.Instant? {
      lines.withLock { lines in lines.first { $0.text.contains(text) }?.time }
    }
  }

  /// Starts it.
  ///
  /// - Parameter path: a list of the API; the watch begins with the objects that are there.
  init(_ cluster: KubernetesCluster, path: String) throws {
    let events = Events()
    let words = cluster.curl("\(path)?watch=1")
    self.events = events
    child = try ChildProcess.start(
      ChildProcess.Command(
        words[0], Array(words.dropFirst()), output: .lines { events.add($0) }, errors: .discard))
  }

  /// When the first event with a text arrived; waits for it.
  func time(ofEventWith text: String) async throws -> ContinuousClock.Instant {
    try await poll("the bare watcher's event") { [events] in events.first(with: text) != nil }
    return events.first(with: text) ?? .now
  }

  /// Ends it.
  func stop() async { _ = await child.terminate(grace: .seconds(5)) }
}
