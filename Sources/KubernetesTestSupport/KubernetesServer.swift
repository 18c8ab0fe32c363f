import Foundation
package import ProcessSupervisor
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// A real API server of Kubernetes with its etcd and, if wanted, its controller manager, at free ports of 127.0.0.1 and in a
/// temporary folder. No scheduler, no kubelet: pods stay pending.
///
/// It ends with the process that started it, however that ends.
package final class KubernetesServer: Sendable {
  /// The servers that the tests of a process share.
  package enum Shared: String, Sendable, CaseIterable {
    /// No webhooks, ever. A test uses names of its own, and does not disturb the server.
    case plain
    /// For tests that install the webhooks of a control plane, which see what every test of this server writes.
    case admission
    /// For tests that run pods behind proxies, whose control plane asks proxies for tokens.
    case pods
    /// For tests of one suite that look at all objects of the cluster and delete them. It has no controllers.
    case everything
  }

  /// The API server's port.
  package let port: Int
  /// The port of etcd, which speaks HTTP without TLS.
  package let etcdPort: Int
  /// The folder of keys, logs and data.
  package let folder: String
  /// The path of the kubeconfig, whose contexts are `admin`, `certificate` and `nobody`.
  package var kubeconfig: String { "\(folder)/kubeconfig" }
  /// The path of the authority of the API server's certificate.
  package var authority: String { "\(folder)/certificates/apiserver.crt" }
  /// The address of the API server.
  package var address: String { "https://127.0.0.1:\(port)" }

  private let hasControllers: Bool
  private let flags: [String]
  private let environment: [String: String]
  private let processes = Mutex<[(program: String, process: ChildProcess)]>([])

  let customResources = Mutex<Task<Void, any Error>?>(nil)
  private let turn = Mutex<ServerTurn?>(nil)

  // MARK: Start and end

  /// Starts servers of a test's own, when it is the test's turn. End them with ``remove()``.
  ///
  /// - Parameters:
  ///   - controllers: whether the controller manager runs: garbage collection, namespaces, service accounts' tokens.
  ///   - flags: further flags of the API server.
  ///   - environment: added to the API server's environment, such as `GODEBUG`.
  /// - Throws: ``KubernetesPrograms/Failure``, saying what is missing or what a server said.
  package static func start(
    controllers: Bool = true, flags: [String] = [], environment: [String: String] = [:]
  ) async throws -> KubernetesServer {
    let turn = await ServerTurn.take()
    let server = try KubernetesServer(controllers: controllers, flags: flags, environment: environment)
    server.turn.withLock { $0 = turn }
    try await server.begin()
    return server
  }

  private func begin() async throws {
    do {
      try await prepare()
      try await start()
    } catch {
      await remove()
      throw error
    }
  }

  /// A server that the tests of a process share: started when it is first asked for, ended and removed at the process's end.
  package static func shared(_ name: Shared = .plain) async throws -> KubernetesServer {
    let task = sharedTasks.withLock { tasks in
      if let task = tasks[name] { return task }
      let task = Task {
        let server = try KubernetesServer(controllers: name != .everything, flags: [], environment: [:])
        try await server.begin()
        let isFirst = sharedServers.withLock { servers in
          servers.append(server)
          return servers.count == 1
        }
        if isFirst {
          atexit { for server in KubernetesServer.sharedServers.withLock({ $0 }) { server.removeAtExit() } }
        }
        return server
      }
      tasks[name] = task
      return task
    }
    return try await task.value
  }

  private static let sharedTasks = Mutex<[Shared: Task<KubernetesServer, any Error>]>([:])
  private static let sharedServers = Mutex<[KubernetesServer]>([])

  private init(controllers: Bool, flags: [String], environment: [String: String]) throws {
    _ = try KubernetesPrograms.folder.get()
    hasControllers = controllers
    self.flags = flags
    self.environment = environment
    var ports = FreePorts()
    port = try ports.take()
    etcdPort = try ports.take()
    otherPorts = [try ports.take(), try ports.take()]
    folder = FileManager.default.temporaryDirectory.resolvingSymlinksInPath()
      .appending(path: "kubernetes-\(UUID().uuidString.prefix(8))").path(percentEncoded: false)
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
  }

  private let otherPorts: [Int]

  private func prepare() async throws {
    let ports = [etcdPort, otherPorts[0], port, otherPorts[1]].map(String.init)
    let result = try await KubernetesPrograms.run(KubernetesPrograms.script, ["prepare", folder] + ports)
    guard result.isSuccess else { throw KubernetesPrograms.Failure(description: result.errors) }
  }

  /// Starts the servers again after ``stop()``, with the data and the ports they had, and waits until they are ready.
  package func start() async throws {
    for program in ["etcd", "kube-apiserver"] + (hasControllers ? ["kube-controller-manager"] : []) {
      try startProgram(program)
    }
    let deadline = ContinuousClock.now + .seconds(180)
    let question = ["ready", folder] + (hasControllers ? ["controllers"] : [])
    while try await !KubernetesPrograms.run(KubernetesPrograms.script, question).isSuccess {
      for (program, process) in processes.withLock({ $0 }) {
        guard let status = process.currentExitStatus else { continue }
        // The controller manager ends when it asks before the API server is ready.
        guard program == "kube-controller-manager" else {
          throw KubernetesPrograms.Failure(description: "\(program) \(status):\n\(log(of: program))")
        }
        processes.withLock { $0.removeAll { $0.program == program } }
        try startProgram(program)
      }
      guard .now < deadline else {
        throw KubernetesPrograms.Failure(
          description: "the API server is not ready after three minutes:\n\(log(of: "kube-apiserver"))")
      }
      try await Task.sleep(for: .milliseconds(100))
    }
  }

  private func startProgram(_ program: String) throws {
    let isAPIServer = program == "kube-apiserver"
    var variables = ProcessInfo.processInfo.environment
    if isAPIServer { variables.merge(environment) { $1 } }
    let file = "\(folder)/\(program).log"
    let process = try ChildProcess.start(
      ChildProcess.Command(
        KubernetesPrograms.script, ["serve", program, folder] + (isAPIServer ? flags : []), environment: variables,
        output: .file(file), errors: .file(file)))
    processes.withLock { $0.append((program, process)) }
  }

  /// The last lines that a program has written.
  package func log(of program: String) -> String {
    let text = (try? String(contentsOfFile: "\(folder)/\(program).log", encoding: .utf8)) ?? ""
    return text.split(separator: "\n").suffix(15).joined(separator: "\n")
  }

  /// Stops all servers, the API server first; data and ports stay for ``start()``.
  package func stop() async {
    let running = processes.withLock { processes in
      defer { processes = [] }
      return processes
    }
    for (_, process) in running.reversed() { await process.terminate(grace: .seconds(30)) }
  }

  /// Kills the API server without a chance to say goodbye to its clients, and starts it again.
  package func restart() async throws {
    signal("kube-apiserver", .kill)
    await stop()
    try await start()
  }

  /// Sends a signal to a program, such as SIGSTOP: then it takes connections and says nothing.
  package func signal(_ program: String, _ signal: ProcessSignal) {
    for (name, process) in processes.withLock({ $0 }) where name == program { process.signal(signal) }
  }

  /// Stops the servers and removes their folder.
  package func remove() async {
    for program in ["etcd", "kube-apiserver"] { signal(program, ProcessSignal(rawValue: SIGCONT)) }
    // Nobody needs their data any more.
    for (_, process) in processes.withLock({ $0 }) { process.signal(.kill) }
    await stop()
    try? FileManager.default.removeItem(atPath: folder)
    turn.withLock { $0 = nil }
  }

  deinit { for (_, process) in processes.withLock({ $0 }) { process.signal(.kill) } }

  private func removeAtExit() {
    let running = processes.withLock { $0.map(\.process) }
    for process in running { process.signal(.kill) }
    for _ in 0..<500 where running.contains(where: { $0.currentExitStatus == nil }) { usleep(10_000) }
    try? FileManager.default.removeItem(atPath: folder)
  }

  // MARK: Access

  /// Writes a kubeconfig with other values, into the server's folder.
  ///
  /// - Parameters:
  ///   - port: where the server is reached.
  ///   - context: the current context.
  /// - Returns: its path.
  package func kubeconfig(port: Int? = nil, context: String = "admin") throws -> String {
    let text = try String(contentsOfFile: kubeconfig, encoding: .utf8)
      .replacing("127.0.0.1:\(self.port)", with: "127.0.0.1:\(port ?? self.port)")
      .replacing("current-context: admin", with: "current-context: \(context)")
    let path = "\(folder)/kubeconfig-\(UUID().uuidString.prefix(8))"
    try Data(text.utf8).write(to: URL(filePath: path))
    return path
  }

  // MARK: etcd

  /// Compacts etcd up to now: what was before can neither be listed nor watched any more.
  ///
  /// The API server has a memory of its own of the last events, which still serves watches; ``restart()`` empties it, and
  /// `--watch-cache=false` switches it off.
  package func compact() async throws {
    let etcd = "http://127.0.0.1:\(etcdPort)/v3"
    let status = try await post("\(etcd)/maintenance/status", "{}")
    // {"header":{…,"revision":"42",…},…}
    guard let start = status.firstRange(of: "\"revision\":\"")?.upperBound,
      let revision = Int(status[start...].prefix { $0.isNumber })
    else { throw KubernetesPrograms.Failure(description: "etcd does not say its revision: \(status)") }
    _ = try await post("\(etcd)/kv/compaction", #"{"revision": "\#(revision)", "physical": true}"#)
  }

  private func post(_ address: String, _ body: String) async throws -> String {
    let result = try await KubernetesPrograms.run("curl", ["-sSf", "-m", "30", "-d", body, address])
    guard result.isSuccess else { throw KubernetesPrograms.Failure(description: result.errors) }
    return result.output
  }
}
