import Documents
import KubernetesAPI
import Logging
import OrderedCollections
import ProcessSupervisor
import Synchronization

/// The life of one pod on this node, from its namespaces to its deletion.
actor PodWorker {
  nonisolated let name: String
  nonisolated let namespace: String
  nonisolated let node: PodNode
  private(set) var pod: KubernetesObject
  private(set) var sandbox: PodSandbox?
  /// The running processes of containers.
  var processes: [String: ChildProcess] = [:]
  /// The plans of running containers, for hooks and commands.
  var plans: [String: ContainerPlan] = [:]
  var status: PodStatus
  var isStopping = false
  private var life: Task<Void, Never>?
  private var renewals: [Task<Void, Never>] = []
  private var lastReport: DocumentValue?
  private let reports = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
  private nonisolated let logs = Mutex<[String: [String]]>([:])

  init(_ pod: KubernetesObject, node: PodNode) {
    name = pod.name
    namespace = pod.namespace ?? ""
    self.node = node
    self.pod = pod
    func statuses(_ key: String) -> [ContainerStatus] {
      (pod["spec"]?[key]?.array ?? []).map {
        ContainerStatus(name: $0["name"]?.string ?? "", image: $0["image"]?.string ?? "")
      }
    }
    let policy = pod["spec"]?["restartPolicy"]?.string.flatMap(PodStatus.RestartPolicy.init)
    status = PodStatus(
      uid: pod.uid, restartPolicy: policy ?? .always, startTime: .now.inWholeSeconds,
      hostAddress: node.network.hostAddress, initContainers: statuses("initContainers"),
      containers: statuses("containers"))
  }

  // MARK: Life

  /// Runs the pod until all its containers have ended for good, or it is deleted.
  func run() async {
    // It may be over before it has begun.
    guard !isStopping else { return }
    let life = Task { await live() }
    self.life = life
    if pod.isBeingDeleted { update(pod) }
    await withTaskCancellationHandler {
      for await _ in reports.stream { await report() }
      await report()
    } onCancel: {
      life.cancel()
    }
  }

  private func live() async {
    do throws(PodNetworkError) {
      let sandbox = try await node.network.makePod(hostname: name)
      self.sandbox = sandbox
      status.addresses = sandbox.addresses
      changed()
      try await prepare(sandbox)
    } catch {
      guard !Task.isCancelled else { return }
      node.logger.error("a pod cannot be run", metadata: ["pod": "\(namespace)/\(name)", "error": "\(error)"])
      return
    }
    guard await initialize() else { return await finish() }
    status.isInitialized = true
    changed()
    await withDiscardingTaskGroup { group in
      for container in pod["spec"]?["containers"]?.array ?? [] {
        // The next one is started after the hook of this one, as kubelets do it.
        guard let process = await launch(container) else { break }
        group.addTask { await self.supervise(container, process, policy: self.status.restartPolicy) }
      }
    }
    await finish()
  }

  /// The pod's containers have ended for good.
  private func finish() async {
    // When the pod is being deleted, that removes the rest.
    guard !isStopping, !Task.isCancelled else { return }
    await endProcesses(grace: .seconds(2))
    for renewal in renewals { renewal.cancel() }
    await sandbox?.remove()
    changed()
  }

  /// Runs the init containers, one after the other.
  ///
  /// - Returns: whether the containers are to be started.
  private func initialize() async -> Bool {
    for container in pod["spec"]?["initContainers"]?.array ?? [] {
      let name = container["name"]?.string ?? ""
      if container["restartPolicy"]?.string == "Always" {
        // A sidecar: it goes on running, and the next one comes when it has started.
        guard let process = await launch(container) else { return false }
        Task { await supervise(container, process, policy: .always) }
        while status[name]?.isStarted != true {
          guard (try? await Task.sleep(for: .milliseconds(20))) != nil else { return false }
        }
        continue
      }
      var process = await launch(container)
      while let running = process {
        let end = await running.exitStatus()
        noteEnd(of: name, end)
        status[name]?.isReady = end.isSuccess
        changed()
        if end.isSuccess { break }
        guard status.restartPolicy != .never, await waitForRestart(of: name) else { return false }
        process = await launch(container)
      }
      guard process != nil else { return false }
    }
    return !isStopping && !Task.isCancelled
  }

  /// Prepares volumes and files; waits for what the pod refers to.
  private func prepare(_ sandbox: PodSandbox) async throws(PodNetworkError) {
    let files = PodFiles(sandbox: sandbox)
    try files.overwrite("hosts", node.hosts(of: sandbox, namespace: namespace))
    try files.overwrite("resolv.conf", "search \(namespace).svc.cluster.local svc.cluster.local cluster.local\n")
    while true {
      do throws(PodNetworkError) {
        for (name, volume) in try VolumePlan.volumes(of: try await facts()) { try await make(volume, name, files) }
        return
      } catch {
        for container in status.containers + status.initContainers {
          status[container.name]?.state = .waiting(reason: "ContainerCreating", message: error.message)
        }
        changed()
        guard error.code == .badPod, (try? await Task.sleep(for: .seconds(1))) != nil else { throw error }
      }
    }
  }

  private func make(_ volume: VolumePlan, _ name: String, _ files: PodFiles) async throws(PodNetworkError) {
    let folder = "volumes/\(name)"
    guard case .files(let sources) = volume else { return try files.makeFolder(folder, mode: 0o777) }
    try files.makeFolder(folder)
    for source in sources {
      switch source {
      case .data(let data): for (path, bytes) in data { try files.replace("\(folder)/\(path)", bytes) }
      case .token(let audience, let seconds, let path):
        try await renewToken(audience, seconds, files, "\(folder)/\(path)")
        renewals.append(
          Task {
            // A kubelet renews tokens when four fifths of their time are over.
            while (try? await Task.sleep(for: .seconds(max(seconds * 4 / 5, 1)))) != nil {
              do throws(PodNetworkError) { try await renewToken(audience, seconds, files, "\(folder)/\(path)") } catch {
                node.logger.warning("a token cannot be renewed", metadata: ["error": "\(error)"])
              }
            }
          })
      }
    }
  }

  private func renewToken(
    _ audience: String?, _ seconds: Int, _ files: PodFiles, _ path: String
  ) async throws(PodNetworkError) {
    var spec: DocumentValue.Object = [
      "expirationSeconds": .integer(Int64(seconds)),
      "boundObjectRef": ["kind": "Pod", "apiVersion": "v1", "name": .string(name), "uid": .string(pod.uid)],
    ]
    if let audience { spec["audiences"] = [.string(audience)] }
    let account = pod["spec"]?["serviceAccountName"]?.string ?? "default"
    do throws(KubernetesError) {
      let answer = try await node.client.create(
        .serviceAccount, namespace: namespace, name: account, subresource: "token",
        ["apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": .object(spec)])
      try? files.replace(path, Array((answer["status"]?["token"]?.string ?? "").utf8))
    } catch { throw PodNetworkError(code: .badPod, message: "\(error)") }
  }

  /// What the pod's values may refer to, as it is now.
  func facts() async throws(PodNetworkError) -> PodFacts {
    var facts = PodFacts(
      pod: pod, nodeName: node.settings.name, hostAddress: node.network.hostAddress, addresses: status.addresses)
    for reference in ContainerPlan.references(of: pod) {
      do throws(KubernetesError) {
        let object = try await node.client.get(
          reference.kind == .secret ? .secret : .configMap, namespace: namespace, name: reference.name)
        facts.objects[reference] = PodFacts.data(of: object)
      } catch {
        if error.code != .notFound { throw PodNetworkError(code: .badPod, message: "\(error)") }
      }
    }
    return facts
  }

  // MARK: Changes from outside

  /// The pod has changed.
  func update(_ pod: KubernetesObject) {
    self.pod = pod
    guard pod.isBeingDeleted, !isStopping else { return }
    isStopping = true
    life?.cancel()
    let seconds = pod.metadata["deletionGracePeriodSeconds"]?.number.flatMap(Int.init(exactly:)) ?? 30
    Task {
      await stopContainers(grace: .seconds(seconds))
      await report()
      await close()
      await node.forceDelete(pod)
    }
  }

  /// The pod is gone, or this node is: everything ends at once.
  func kill() async {
    isStopping = true
    life?.cancel()
    await close()
  }

  private func close() async {
    for renewal in renewals { renewal.cancel() }
    await sandbox?.remove()
    await life?.value
    // The pod may have got its namespaces meanwhile.
    await sandbox?.remove()
    reports.continuation.finish()
  }

  /// Names of the cluster have changed.
  func updateNames() {
    guard let sandbox, !isStopping else { return }
    try? PodFiles(sandbox: sandbox).overwrite("hosts", node.hosts(of: sandbox, namespace: namespace))
  }

  // MARK: Reports

  /// The status has changed and is to be reported.
  func changed() { reports.continuation.yield() }

  private func report() async {
    let document = status.document(now: .now.inWholeSeconds)
    guard document != lastReport else { return }
    do throws(KubernetesError) {
      _ = try await node.client.patch(
        .pod, namespace: namespace, name: name,
        .merge(["metadata": ["uid": .string(pod.uid)], "status": document]), subresource: "status",
        fieldManager: "kubelet")
      lastReport = document
    } catch {
      guard error.code == .unavailable || error.code == .tooManyRequests, !Task.isCancelled else { return }
      try? await Task.sleep(for: .milliseconds(500))
      changed()
    }
  }

  nonisolated func log(of container: String) -> [String] { logs.withLock { $0[container] ?? [] } }

  nonisolated func note(_ line: String, of container: String) {
    logs.withLock { logs in
      logs[container, default: []].append(line)
      if let count = logs[container]?.count, count > 4000 { logs[container]?.removeFirst(count - 2000) }
    }
  }
}

extension Timestamp {
  /// The API has times in whole seconds.
  var inWholeSeconds: Timestamp { Timestamp(seconds: seconds) }
}
