import Documents
package import KubernetesAPI
import OrderedCollections

/// What a pod belongs to: a Deployment, a StatefulSet, a CronJob. It names the service of a pod that no Service selects.
package struct Workload: Sendable, Hashable {
  /// The kind, such as `Deployment`.
  package var kind: String
  /// The name in the namespace of the pod.
  package var name: String

  /// Names a workload.
  package init(kind: String, name: String) {
    self.kind = kind
    self.name = name
  }
}

/// Asks for the workload of an object that owns pods: of a ReplicaSet or a Job.
package struct OwnerQuery: Sendable, Hashable {
  /// `ReplicaSet` or `Job`.
  package var kind: String
  /// The namespace and the name.
  package var object: ObjectName

  /// The kinds of objects that own pods for a workload, and the kind of that workload.
  static let kinds = ["ReplicaSet": "Deployment", "Job": "CronJob"]

  /// Asks for the workload of an object.
  package init(kind: String, object: ObjectName) {
    self.kind = kind
    self.object = object
  }

  /// The answer that an object gives: its Deployment or CronJob, else itself. Source: Kuma 2.7.
  package func workload(of object: KubernetesObject) -> Workload {
    let owners = object.metadata["ownerReferences"]?.array ?? []
    let wanted = Self.kinds[kind]
    let owner = owners.first { $0["kind"]?.string == wanted }?["name"]?.string
    guard let wanted, let owner else { return Workload(kind: kind, name: self.object.name) }
    return Workload(kind: wanted, name: owner)
  }
}
