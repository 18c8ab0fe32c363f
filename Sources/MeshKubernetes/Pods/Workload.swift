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

/// Asks for the owners of an object that owns pods: of a ReplicaSet or a Job.
package struct OwnerQuery: Sendable, Hashable {
  /// `ReplicaSet` or `Job`.
  package var kind: String
  /// The namespace and the name.
  package var object: ObjectName

  /// Asks for the owners of an object.
  package init(kind: String, object: ObjectName) {
    self.kind = kind
    self.object = object
  }
}
