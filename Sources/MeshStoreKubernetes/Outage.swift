import KubernetesAPI
import MeshModel

/// Why the resources of a cluster are not up to date, as a value.
struct Outage: Sendable {
  private var missing = Set(ResourceType.allCases)
  private var troubles: [ResourceType: KubernetesError] = [:]
  private var since: Timestamp?

  /// The whole list of a type has arrived.
  ///
  /// - Returns: whether it was the last one.
  mutating func loaded(_ type: ResourceType) -> Bool {
    missing.remove(type) != nil && missing.isEmpty
  }

  /// A kind is in trouble, or out of it.
  ///
  /// - Returns: whether all is well again.
  mutating func note(_ error: KubernetesError?, of type: ResourceType, at time: Timestamp) -> Bool {
    let wasInTrouble = !troubles.isEmpty
    troubles[type] = error
    since = troubles.isEmpty ? nil : since ?? time
    return wasInTrouble && troubles.isEmpty
  }

  /// The types that may not be read.
  var forbidden: [ResourceType] {
    troubles.filter { $0.value.code == .forbidden }.keys.sorted()
  }

  /// What is wrong and what to do; `nil` when nothing is.
  func sentence(on server: String) -> String? {
    if let since, !troubles.isEmpty { return "\(reasons.joined(separator: "; ")) (since \(since))" }
    guard !missing.isEmpty else { return nil }
    let names = Set(missing.map(\.kubernetesKind.qualifiedName)).sorted().joined(separator: ", ")
    return "the API server at \(server) has not listed \(names) yet"
  }

  /// One reason for each kind of failure that is the same for all types, one for each type otherwise.
  private var reasons: [String] {
    let sorted = troubles.sorted { $0.key < $1.key }
    var reasons: [String] = []
    let absent = sorted.filter { $0.value.code == .kindNotServed }.map(\.key.kubernetesKind.qualifiedName)
    if !absent.isEmpty {
      reasons.append(
        "the API server does not serve \(absent.joined(separator: ", ")); "
          + "install the custom resources: kumactl install crds | kubectl apply -f -")
    }
    for code in [KubernetesError.Code.unavailable, .unauthorized, .tooManyRequests] {
      if let error = sorted.first(where: { $0.value.code == code })?.value { reasons.append(error.message) }
    }
    let known: Set<KubernetesError.Code> = [.kindNotServed, .unavailable, .unauthorized, .tooManyRequests]
    for (_, error) in sorted where !known.contains(error.code) && !reasons.contains(error.message) {
      reasons.append(error.message)
    }
    return reasons
  }
}
