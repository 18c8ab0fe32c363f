import Documents
import KubernetesAPI
import MeshKubernetes
import MeshModel
import MeshPolicy
import OrderedCollections
import Testing

/// A cluster as a value, with the plan of a control plane that sees it. It does what an API server does with Dataplanes.
struct PlannedCluster {
  /// A Dataplane in the cluster.
  struct Stored: Equatable {
    var uid: String
    var mesh: String
    var dataplane: Dataplane
    /// Kind, name and uid of the controller.
    var controller: [String]?

    /// Whether it says what a write says.
    func says(_ write: PodPlan.DataplaneWrite) -> Bool {
      mesh == write.mesh && dataplane == write.dataplane && controller == ["Pod", write.pod.name, write.podUID]
    }
  }

  var plan: PodPlan
  var now = Duration.zero
  var dataplanes: [ObjectName: Stored] = [:]
  /// All notices, in order.
  var notices: [PodPlan.Notice] = []
  /// All work that was given, in order.
  var given: [PodPlan.Work] = []
  /// The addresses of services, as notices have told them.
  var addresses: [String: ServiceAddress] = [:]
  /// Writes of what was there already.
  var needlessWrites = 0
  private var uids = 0

  init(_ settings: PodPlan.Settings = PodPlan.Settings()) { plan = PodPlan(settings) }

  /// A cluster with a namespace `shop` and nothing else, whose control plane leads.
  static func ready(_ settings: PodPlan.Settings = PodPlan.Settings()) -> PlannedCluster {
    var cluster = PlannedCluster(settings)
    for kind in PodPlan.Kind.allCases {
      cluster.tell(.replaced(kind, kind == .namespace ? [scope("Namespace", "shop")] : []))
    }
    cluster.tell(.leads(true))
    return cluster
  }

  // MARK: Seeing

  mutating func tell(_ event: PodPlan.Event) {
    let news = plan.handle(event, at: now)
    notices += news
    for case .serviceAddresses(let changes) in news {
      for (tag, address) in changes { addresses[tag] = address }
    }
  }

  mutating func change(_ pods: PodShape...) { tell(.changed(.pod, pods.map(\.object))) }
  mutating func remove(_ pods: PodShape...) { tell(.deleted(.pod, pods.map(\.object))) }
  mutating func change(_ services: ServiceShape...) { tell(.changed(.service, services.map(\.object))) }
  mutating func remove(_ services: ServiceShape...) { tell(.deleted(.service, services.map(\.object))) }

  /// Tells what is in the cluster under the name of a Dataplane.
  mutating func tellDataplane(_ name: ObjectName) {
    if let object = object(name) {
      tell(.changed(.dataplane, [object]))
    } else {
      tell(.deleted(.dataplane, [Self.empty(name)]))
    }
  }

  static func empty(_ name: ObjectName) -> KubernetesObject {
    KubernetesObject(["metadata": ["name": .string(name.name), "namespace": .string(name.namespace)]])
  }

  /// A Dataplane as the API server gives it.
  func object(_ name: ObjectName) -> KubernetesObject? {
    guard let stored = dataplanes[name] else { return nil }
    let resource = Resource(mesh: stored.mesh, name: name.dataplane, spec: .dataplane(stored.dataplane))
    guard var object = (try? resource.storedObject()).map(KubernetesObject.init) else { return nil }
    object.metadata["uid"] = .string(stored.uid)
    object.metadata["resourceVersion"] = "1"
    if let controller = stored.controller {
      object.metadata["ownerReferences"] = [
        [
          "apiVersion": .string(controller[0] == "Pod" ? "v1" : "example.com/v1"), "kind": .string(controller[0]),
          "name": .string(controller[1]), "uid": .string(controller[2]), "controller": true, "blockOwnerDeletion": true,
        ]
      ]
    }
    return object
  }

  mutating func newUID() -> String {
    uids += 1
    return "uid-\(uids)"
  }

  // MARK: Working

  /// The next work.
  mutating func next() -> PodPlan.Work? {
    let work = plan.next(at: now)
    if let work { given.append(work) }
    return work
  }

  /// The next work, which has to be there.
  mutating func requireNext() throws -> PodPlan.Work {
    let work = next()
    return try #require(work)
  }

  /// Does to the Dataplanes what work asks for.
  mutating func perform(_ work: PodPlan.Work) {
    switch work {
    case .write(let write):
      if dataplanes[write.pod]?.says(write) == true { needlessWrites += 1 }
      let uid = dataplanes[write.pod]?.uid ?? newUID()
      dataplanes[write.pod] = Stored(
        uid: uid, mesh: write.mesh, dataplane: write.dataplane, controller: ["Pod", write.pod.name, write.podUID])
    case .delete(let deletion):
      if dataplanes[deletion.name]?.uid == deletion.uid { dataplanes[deletion.name] = nil }
    case .lookUpOwner, .quit, .annotate: break
    }
  }

  /// The answer to work that succeeds.
  static func answer(_ work: PodPlan.Work) -> PodPlan.Event {
    guard case .lookUpOwner(let query) = work else { return .done(work) }
    return .found(query, Workload(kind: "Deployment", name: query.object.name.split(separator: "-")[0].description))
  }

  /// Does one piece of work and tells of it.
  mutating func finish(_ work: PodPlan.Work) {
    perform(work)
    switch work {
    case .write(let write): tellDataplane(write.pod)
    case .delete(let deletion): tellDataplane(deletion.name)
    case .lookUpOwner, .quit, .annotate: break
    }
    tell(Self.answer(work))
  }

  /// Does all work that there is.
  ///
  /// - Returns: the work that was done.
  @discardableResult
  mutating func settle() -> [PodPlan.Work] {
    let before = given.count
    while let work = next() { finish(work) }
    return Array(given[before...])
  }

  /// The events about an object, as `reason: message`.
  func events(about name: String) -> [String] {
    notices.compactMap { notice in
      guard case .event(_, let object, let reason, let message) = notice, object.name == name else { return nil }
      return "\(reason): \(message)"
    }
  }
}

extension PodPlan.Work {
  /// The write, if it is one.
  var write: PodPlan.DataplaneWrite? {
    if case .write(let write) = self { write } else { nil }
  }

  /// The deletion, if it is one.
  var deletion: PodPlan.DataplaneDeletion? {
    if case .delete(let deletion) = self { deletion } else { nil }
  }
}
