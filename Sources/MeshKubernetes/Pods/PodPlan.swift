package import KubernetesAPI
package import MeshModel
package import MeshPolicy

/// What has to be done so that each pod of a cluster has its Dataplane, as a value: events in; notices and work out.
///
/// The owner tells what it sees (``handle(_:at:)``) and fetches work whenever it has room for some (``next(at:)``). What is
/// fetched is the newest state, so nothing old is written. Writes that take an address away come first. An event costs as
/// much as the pods that it concerns.
package struct PodPlan: Sendable {
  /// The settings of a plan.
  package struct Settings: Sendable {
    /// How pods are converted.
    package var conversion = PodConverter.Settings()
    /// Random numbers from 0 to 1, for the waits after failures.
    package var share: @Sendable () -> Double = { .random(in: 0...1) }

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
    /// These are all objects of a kind. A plan decides nothing before it has seen all kinds. For nodes and namespaces that may
    /// not be read, an empty list makes it go on without them.
    case replaced(Kind, [KubernetesObject])
    /// Objects are new or different.
    case changed(Kind, [KubernetesObject])
    /// Objects are gone.
    case deleted(Kind, [KubernetesObject])
    /// These are all meshes. Before the first time, each mesh counts as there.
    case meshes(Set<String>)
    /// Work is done. What it writes may come as `changed` before or after.
    case done(Work)
    /// The workload to which a ReplicaSet or Job belongs: the work ``Work/lookUpOwner(_:)`` is done.
    case found(OwnerQuery, Workload)
    /// Work is not done; if it is still to be done, it is given again after a while.
    /// `isRefused`: the API server is there and does not take it. Then the text is told in an event.
    case failed(Work, String, isRefused: Bool)
  }

  /// What the owner tells others. It is not repeated.
  package enum Notice: Sendable, Hashable {
    /// An event about an object. Only a leader tells events.
    case event(EventRecorder.Severity, about: EventRecorder.Reference, reason: String, message: String)
    /// The addresses of services have changed; `nil` for those that are gone.
    case serviceAddresses([String: ServiceAddress?])
  }

  /// Something to do. Work about one object is given one at a time.
  package enum Work: Sendable, Hashable {
    /// Create or replace a Dataplane.
    case write(DataplaneWrite)
    /// Delete a Dataplane.
    case delete(DataplaneDeletion)
    /// Find out to which workload an object belongs (``OwnerQuery/workload(of:)``).
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
  }

  /// A Dataplane to delete.
  package struct DataplaneDeletion: Sendable, Hashable {
    /// The namespace and the name.
    package var name: ObjectName
    /// The uid of the object. Another one of that name is not deleted.
    package var uid: String
    /// The mesh.
    package var mesh: String
  }

  /// Identifies work.
  enum WorkKey: Hashable, Sendable {
    case dataplane(ObjectName)
    case owner(OwnerQuery)
    case quit(ObjectName)
    case service(ObjectName)
  }

  let settings: Settings
  let converter: PodConverter

  // What is seen.
  var cluster: ObservedCluster
  /// The Dataplanes as the cluster has them.
  var stored: [ObjectName: StoredDataplane] = [:]
  /// What this control plane has written or deleted, until the cluster tells of it.
  var written: [ObjectName: StoredDataplane?] = [:]
  var meshes: Set<String>?
  var workloads: [OwnerQuery: Workload] = [:]
  /// Why owners could not be looked up.
  var lookUpFailures: [OwnerQuery: String] = [:]
  var seenKinds: Set<Kind> = []
  var leads = false

  // What is decided.
  var queue = WorkQueue<WorkKey>()
  /// The write or deletion of each Dataplane that differs.
  var wants: [ObjectName: Work] = [:]
  /// Dataplanes of which the cluster has told while work about them was under way.
  var toldMeanwhile: Set<ObjectName> = []
  /// The pods whose mesh is not there.
  var withoutMesh: Set<ObjectName> = []

  /// How often a Dataplane was decided on: what events have cost.
  package internal(set) var decisionCount = 0

  // What has been told or done.
  var notices: [Notice] = []
  /// What is wrong with pods, as events have told it.
  var toldFailures: [ObjectName: String] = [:]
  /// What events have told about Services.
  var toldAdvice: [ObjectName: String] = [:]
  /// The uids of the pods whose proxies were told to end.
  var ended: [ObjectName: String] = [:]

  /// Makes a plan that has seen nothing yet.
  package init(_ settings: Settings = Settings()) {
    self.settings = settings
    converter = PodConverter(settings.conversion)
    cluster = ObservedCluster(ignoredLabels: settings.conversion.ignoredServiceSelectorLabels)
  }

  /// Whether all kinds have been seen.
  package var isComplete: Bool { seenKinds.count == Kind.allCases.count }

  // MARK: Work

  /// The most urgent work; `nil` when there is none at present.
  ///
  /// What is given has to be answered with ``Event/done(_:)``, ``Event/found(_:_:)`` or ``Event/failed(_:_:isRefused:)``.
  ///
  /// - Parameter now: the time of a clock that only goes forward.
  package mutating func next(at now: Duration) -> Work? {
    guard leads, isComplete else { return nil }
    while let key = queue.next(at: now) {
      if let work = work(key) { return work }
      queue.succeeded(key)
    }
    return nil
  }

  /// When there will be work again although nothing happens: what failed is tried again. `nil` for never.
  package var nextTry: Duration? { leads ? queue.nextTurn : nil }

  /// How many pieces of work are to be done or under way.
  package var workCount: Int { queue.count }

  private mutating func work(_ key: WorkKey) -> Work? {
    switch key {
    case .dataplane(let name):
      toldMeanwhile.remove(name)
      return wants[name]
    case .owner(let query): return .lookUpOwner(query)
    case .quit(let name):
      guard let pod = cluster[pod: name], let port = pod.adminPort else { return nil }
      return .quit(name, address: pod.address, adminPort: port)
    case .service(let name): return cluster[service: name].flatMap(missingAnnotations).map { .annotate(name, $0) }
    }
  }
}
