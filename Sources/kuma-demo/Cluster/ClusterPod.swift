import Documents

/// A pod as the API server has it.
struct ClusterPod: Sendable {
  var name: String
  /// The names of its init containers and containers, in the order in which they start.
  var containers: [String]
  var isReady: Bool
  private var phase: String
  private var waiting: [String]

  init(_ object: DocumentValue) {
    name = object["metadata"]?["name"]?.string ?? ""
    func names(_ key: String) -> [String] {
      (object["spec"]?[key]?.array ?? []).compactMap { $0["name"]?.string }
    }
    containers = names("initContainers") + names("containers")
    let status = object["status"]
    phase = status?["phase"]?.string ?? "Unknown"
    isReady = (status?["conditions"]?.array ?? []).contains {
      $0["type"]?.string == "Ready" && $0["status"]?.string == "True"
    }
    let statuses = (status?["initContainerStatuses"]?.array ?? []) + (status?["containerStatuses"]?.array ?? [])
    waiting = statuses.compactMap { container in
      let state = container["state"]?["waiting"] ?? container["lastState"]?["terminated"]
      guard let reason = state?["reason"]?.string else { return nil }
      return "\(container["name"]?.string ?? "") \(reason) \(state?["message"]?.string ?? "")"
    }
  }

  /// The name of the service that a pod of a Deployment belongs to.
  static func service(of pod: String) -> String { String(pod.prefix { $0 != "-" }) }

  /// Whether it is one that requests go to, and that sends them.
  var isEntry: Bool { isReady && Self.service(of: name) == ClusterPlan.entry }

  /// What it is doing, in words.
  var words: String { "\(name) is \(isReady ? "ready" : phase)" + waiting.map { " (\($0))" }.joined() }
}
