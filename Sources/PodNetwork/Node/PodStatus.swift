import Documents
import OrderedCollections
import ProcessSupervisor

/// The status of a container, as a kubelet reports it.
struct ContainerStatus: Sendable, Hashable {
  enum State: Sendable, Hashable {
    case waiting(reason: String, message: String)
    case running(since: Timestamp)
    case terminated(ExitStatus, since: Timestamp, until: Timestamp)
  }

  var name: String
  var image: String
  var state = State.waiting(reason: "ContainerCreating", message: "")
  /// How it ended last, while it runs or waits again.
  var lastEnd: State?
  /// Whether its readiness probe says so; of an init container, whether it has ended well.
  var isReady = false
  /// Whether its startup probe has succeeded.
  var isStarted = false
  var restarts = 0

  /// How it ended; `nil` while it has not, or will run again.
  var end: ExitStatus? {
    if case .terminated(let status, _, _) = state { status } else { nil }
  }

  var isRunning: Bool {
    if case .running = state { true } else { false }
  }

  /// Whether it has never run.
  var hasNotStarted: Bool {
    if case .waiting = state { lastEnd == nil } else { false }
  }

  /// Whether it has ended with an error, and has not been started again.
  var hasFailed: Bool {
    if case .terminated(let status, _, _) = state { !status.isSuccess } else { false }
  }

  /// The status as the API has it.
  func document(id: String) -> DocumentValue {
    var document: DocumentValue.Object = [
      "name": .string(name), "image": .string(image), "imageID": .string(image), "ready": .bool(isReady),
      "restartCount": .integer(Int64(restarts)), "started": .bool(isStarted), "state": Self.document(state),
    ]
    if case .waiting = state {} else { document["containerID"] = .string("process://\(id)/\(name)/\(restarts)") }
    document["lastState"] = lastEnd.map(Self.document) ?? .object([:])
    return .object(document)
  }

  private static func document(_ state: State) -> DocumentValue {
    switch state {
    case .waiting(let reason, let message):
      var waiting: DocumentValue.Object = ["reason": .string(reason)]
      if !message.isEmpty { waiting["message"] = .string(message) }
      return ["waiting": .object(waiting), "running": .null, "terminated": .null]
    case .running(let since):
      return ["running": ["startedAt": .string("\(since)")], "waiting": .null, "terminated": .null]
    case .terminated(let status, let since, let until):
      let end: DocumentValue = [
        "exitCode": .integer(Int64(status.shellCode)), "reason": status.isSuccess ? "Completed" : "Error",
        "startedAt": .string("\(since)"), "finishedAt": .string("\(until)"),
      ]
      return ["terminated": end, "waiting": .null, "running": .null]
    }
  }
}

/// The status of a pod.
struct PodStatus: Sendable {
  /// When a container is started again.
  enum RestartPolicy: String, Sendable {
    case always = "Always"
    case onFailure = "OnFailure"
    case never = "Never"

    /// Whether a container that has ended so is started again.
    func restarts(after status: ExitStatus) -> Bool {
      switch self {
      case .always: true
      case .onFailure: !status.isSuccess
      case .never: false
      }
    }
  }

  var uid: String
  var restartPolicy: RestartPolicy
  var startTime: Timestamp
  var hostAddress: String
  var addresses: [String] = []
  var initContainers: [ContainerStatus]
  var containers: [ContainerStatus]
  var isInitialized = false
  /// The values of conditions, and since when they are so.
  private var conditions: [String: (value: Bool, since: Timestamp)] = [:]

  init(
    uid: String, restartPolicy: RestartPolicy, startTime: Timestamp, hostAddress: String,
    initContainers: [ContainerStatus], containers: [ContainerStatus]
  ) {
    self.uid = uid
    self.restartPolicy = restartPolicy
    self.startTime = startTime
    self.hostAddress = hostAddress
    self.initContainers = initContainers
    self.containers = containers
  }

  /// The containers of a name; both kinds share one space of names.
  subscript(name: String) -> ContainerStatus? {
    get { (initContainers + containers).first { $0.name == name } }
    set {
      guard let newValue else { return }
      if let index = initContainers.firstIndex(where: { $0.name == name }) { initContainers[index] = newValue }
      if let index = containers.firstIndex(where: { $0.name == name }) { containers[index] = newValue }
    }
  }

  /// The phase. Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-phase
  var phase: String {
    guard isInitialized else {
      return restartPolicy == .never && initContainers.contains(where: \.hasFailed) ? "Failed" : "Pending"
    }
    if containers.contains(where: \.hasNotStarted) { return "Pending" }
    var hasFailed = false
    for container in containers {
      guard let end = container.end, !restartPolicy.restarts(after: end) else { return "Running" }
      if !end.isSuccess { hasFailed = true }
    }
    return hasFailed ? "Failed" : "Succeeded"
  }

  /// The status as the API has it, with the time of each condition's last change.
  mutating func document(now: Timestamp) -> DocumentValue {
    let isReady = isInitialized && !containers.isEmpty && containers.allSatisfy(\.isReady)
    let values = [
      ("PodScheduled", true), ("Initialized", isInitialized), ("ContainersReady", isReady), ("Ready", isReady),
    ]
    var list: [DocumentValue] = []
    for (name, value) in values {
      if conditions[name]?.value != value { conditions[name] = (value, now) }
      list.append([
        "type": .string(name), "status": value ? "True" : "False",
        "lastTransitionTime": .string("\(conditions[name]?.since ?? now)"),
      ])
    }
    let id = uid
    return [
      "phase": .string(phase), "hostIP": .string(hostAddress), "startTime": .string("\(startTime)"),
      "podIP": addresses.first.map { .string($0) } ?? .null,
      "podIPs": .array(addresses.map { ["ip": .string($0)] }), "conditions": .array(list),
      "initContainerStatuses": .array(initContainers.map { $0.document(id: id) }),
      "containerStatuses": .array(containers.map { $0.document(id: id) }),
    ]
  }
}
