package import Documents
package import KubernetesAPI
package import MeshModel
package import MeshPolicy
import OrderedCollections

/// What has to be done so that each pod of a cluster has its Dataplane, as a value: events in; notices and work out.
///
/// The owner tells what it sees (``handle(_:at:)``) and fetches work whenever it has room for some (``next(at:)``). What is
/// fetched is decided on at that moment, so that nothing old is written. Writes that take an address away come first.
package struct PodPlan: Sendable {
  /// The settings of a plan.
  package struct Settings: Sendable {
    /// How pods are converted.
    package var conversion = PodConverter.Settings()

    package init() {}
  }

  /// The kinds of objects that a plan has to see.
  package enum Kind: Sendable, Hashable, CaseIterable {
    case pod, service, namespace, node, dataplane
  }

  /// What has happened. Objects may be pruned with ``PodPlan/prune(_:_:)``.
  package enum Event: Sendable {
    /// Whether this control plane is the leader. Only a leader gets work.
    case leads(Bool)
    /// These are all objects of a kind. The plan gives work when it has seen all kinds; for a kind that may not be read, an
    /// empty list makes it go on.
    case replaced(Kind, [KubernetesObject])
    /// Objects are new or different.
    case changed(Kind, [KubernetesObject])
    /// Objects are gone.
    case deleted(Kind, [KubernetesObject])
    /// Work is done. The written objects may come as `changed` before or after.
    case done(Work)
    /// The workload to which a ReplicaSet or Job belongs: the work ``Work/lookUpOwner(_:)`` is done.
    case found(OwnerQuery, Workload)
    /// Work is not done; it is given again after a while. `isRefused`: the API server is there and does not take it.
    case failed(Work, String, isRefused: Bool)
  }

  /// What the owner tells others. It is not repeated.
  package enum Notice: Sendable, Hashable {
    /// An event about an object.
    case event(EventRecorder.Severity, about: EventRecorder.Reference, reason: String, message: String)
    /// The addresses of services have changed; `nil` for those that are gone. It comes whether this control plane leads or not.
    case serviceAddresses([String: ServiceAddress?])
  }

  /// Something to do. Work about one object is given one at a time.
  package enum Work: Sendable, Hashable {
    /// Create or replace a Dataplane.
    case write(DataplaneWrite)
    /// Delete a Dataplane.
    case delete(DataplaneDeletion)
    /// Find out to which workload an object belongs.
    case lookUpOwner(OwnerQuery)
    /// Tell the proxy of a pod to end, because all other containers of the pod have ended.
    case quit(ObjectName, address: String, adminPort: UInt16)
    /// Set annotations of a Service.
    case annotate(ObjectName, [String: String])
  }

  /// A Dataplane to write.
  package struct DataplaneWrite: Sendable, Hashable {
    /// The namespace and the name of the Dataplane and of its pod.
    package var pod: ObjectName
    /// The uid of the pod, which becomes the controller of the Dataplane.
    package var podUID: String
    /// The mesh.
    package var mesh: String
    /// The content.
    package var dataplane: Dataplane
    /// Whether no Dataplane is known that would be replaced.
    package var isNew: Bool
    /// Whether the write takes an address away from others, or makes one not ready.
    package var isUrgent: Bool

    /// The resource to write.
    package var resource: Resource {
      Resource(mesh: mesh, name: pod.dataplane, spec: .dataplane(dataplane))
    }

    /// The reference of the Dataplane to its pod. Source: Kuma 2.7.
    package var ownerReference: DocumentValue.Object {
      [
        "apiVersion": "v1", "kind": "Pod", "name": .string(pod.name), "uid": .string(podUID), "controller": true,
        "blockOwnerDeletion": true,
      ]
    }
  }

  /// A Dataplane to delete.
  package struct DataplaneDeletion: Sendable, Hashable {
    /// The namespace and the name.
    package var name: ObjectName
    /// The uid of the object: another one of that name stays.
    package var uid: String
    /// The mesh.
    package var mesh: String
  }

  private let settings: Settings

  /// Makes a plan that has seen nothing yet.
  package init(_ settings: Settings = Settings()) { self.settings = settings }

  /// Takes an event.
  ///
  /// - Parameter now: the time of a clock that only goes forward.
  package mutating func handle(_ event: Event, at now: Duration) -> [Notice] { [] }

  /// The most urgent work; `nil` when there is none at present.
  ///
  /// What is given has to be answered with ``Event/done(_:)``, ``Event/found(_:_:)`` or ``Event/failed(_:_:isRefused:)``.
  package mutating func next(at now: Duration) -> Work? { nil }

  /// When there will be work again although nothing happens: what failed is tried again. `nil` for never.
  package var nextTry: Duration? { nil }

  /// What a plan needs of an object.
  package static func prune(_ kind: Kind, _ object: KubernetesObject) -> KubernetesObject { object }
}
