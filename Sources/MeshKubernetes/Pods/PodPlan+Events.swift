import KubernetesAPI
import MeshPolicy

extension PodPlan {
  /// Takes an event.
  ///
  /// - Parameter now: the time of a clock that only goes forward.
  /// - Returns: what to tell others.
  package mutating func handle(_ event: Event, at now: Duration) -> [Notice] {
    switch event {
    case .leads(let leads): lead(leads)
    case .replaced(let kind, let objects): replace(kind, objects)
    case .changed(let kind, let objects): change(kind, objects)
    case .deleted(let kind, let objects): remove(kind, objects.map(ObjectName.init))
    case .meshes(let meshes): change(meshes)
    case .done(let work): done(work)
    case .found(let query, let workload): found(query, workload)
    case .failed(let work, let message, let isRefused): failed(work, message, isRefused, at: now)
    }
    defer { notices = [] }
    return notices
  }

  // MARK: Beginning

  private mutating func lead(_ leads: Bool) {
    guard self.leads != leads else { return }
    self.leads = leads
    queue.removeAll()
    wants = [:]
    toldFailures = [:]
    toldAdvice = [:]
    withoutMesh = []
    decideOnAll()
  }

  private mutating func decideOnAll() {
    guard isComplete, leads else { return }
    // In a fixed order, here and below, so that equal events lead to equal work.
    for name in Set(cluster.pods).union(stored.keys).sorted() { decide(on: name) }
    for name in cluster.pods.sorted() { decideOnEnd(of: name) }
    for name in cluster.services.sorted() {
      decide(onService: name)
      if let service = cluster[service: name], !cluster.pods(of: service).isEmpty { advise(service) }
    }
  }

  private mutating func replace(_ kind: Kind, _ objects: [KubernetesObject]) {
    let names = Set(objects.map(ObjectName.init))
    let known: [ObjectName]
    switch kind {
    case .pod: known = cluster.pods
    case .service: known = cluster.services
    case .namespace: known = cluster.namespaces.map { ObjectName(namespace: "", name: $0) }
    case .node: known = cluster.nodes.keys.map { ObjectName(namespace: "", name: $0) }
    case .dataplane: known = Array(Set(stored.keys).union(written.keys))
    }
    remove(kind, known.filter { !names.contains($0) }.sorted())
    change(kind, objects)
    let wasComplete = isComplete
    seenKinds.insert(kind)
    if isComplete, !wasComplete { decideOnAll() }
  }

  // MARK: Objects

  private mutating func change(_ kind: Kind, _ objects: [KubernetesObject]) {
    var addresses: [String: ServiceAddress?] = [:]
    for object in objects {
      switch kind {
      case .pod:
        let pod = ObservedPod(object)
        observe(pod: pod.name, pod.concernsMesh ? pod : nil)
      case .service:
        let service = ObservedService(object)
        observe(service: service.name, service, &addresses)
      case .namespace: observe(namespace: object.name, ObservedNamespace(object))
      case .node: observe(node: object.name, object.labels)
      case .dataplane: observe(dataplane: ObjectName(object), StoredDataplane(object))
      }
    }
    if !addresses.isEmpty { notices.append(.serviceAddresses(addresses)) }
  }

  private mutating func remove(_ kind: Kind, _ names: [ObjectName]) {
    var addresses: [String: ServiceAddress?] = [:]
    for name in names {
      switch kind {
      case .pod: observe(pod: name, nil)
      case .service: observe(service: name, nil, &addresses)
      case .namespace: observe(namespace: name.name, nil)
      case .node: observe(node: name.name, nil)
      case .dataplane: observe(dataplane: name, nil)
      }
    }
    if !addresses.isEmpty { notices.append(.serviceAddresses(addresses)) }
  }

  private mutating func observe(pod name: ObjectName, _ pod: ObservedPod?) {
    let old = cluster.set(pod: name, pod)
    guard old != pod else { return }
    if let query = old?.ownerQuery, cluster.pods(of: query).isEmpty { forget(query) }
    if pod == nil {
      toldFailures[name] = nil
      ended[name] = nil
    }
    decide(on: name)
    guard isComplete, leads else { return }
    decideOnEnd(of: name)
    if let pod, old?.labels != pod.labels {
      for service in cluster.services(of: pod) { advise(service) }
    }
  }

  private mutating func forget(_ query: OwnerQuery) {
    workloads[query] = nil
    lookUpFailures[query] = nil
    queue.remove(.owner(query))
  }

  private mutating func observe(
    service name: ObjectName, _ service: ObservedService?, _ addresses: inout [String: ServiceAddress?]
  ) {
    let old = cluster.set(service: name, service)
    guard old != service else { return }
    let (before, after) = (old?.addresses ?? [:], service?.addresses ?? [:])
    for (tag, address) in after where before[tag] != address { addresses[tag] = .some(address) }
    for tag in before.keys where after[tag] == nil { addresses[tag] = .some(nil) }
    guard isComplete, leads else { return }
    var pods: Set<ObjectName> = []
    for form in [old, service].compactMap({ $0 }) { pods.formUnion(cluster.pods(of: form)) }
    for pod in pods.sorted() { decide(on: pod) }
    decide(onService: name)
    if let service, !cluster.pods(of: service).isEmpty { advise(service) } else { toldAdvice[name] = nil }
  }

  private mutating func observe(namespace name: String, _ namespace: ObservedNamespace?) {
    let old = cluster.set(namespace: name, namespace)
    guard old != namespace, isComplete, leads else { return }
    for pod in cluster.pods(in: name).sorted() { decide(on: pod) }
    for service in cluster.services(in: name).map(\.name).sorted() { decide(onService: service) }
  }

  private mutating func observe(node name: String, _ labels: [String: String]?) {
    let labels = labels?.filter { settings.conversion.nodeLabelsToCopy.contains($0.key) }
    guard cluster.set(node: name, labels) != labels else { return }
    for pod in cluster.pods(on: name).sorted() { decide(on: pod) }
  }

  private mutating func observe(dataplane name: ObjectName, _ dataplane: StoredDataplane?) {
    stored[name] = dataplane
    // What was written before comes back; that says nothing about what is being written.
    let isEcho = written.removeValue(forKey: name).map { $0?.saysSame(as: dataplane) ?? (dataplane == nil) } ?? false
    if !isEcho { toldMeanwhile.insert(name) }
    decide(on: name)
    // A name without a pod and without work needs no memory.
    if wants[name] == nil { toldMeanwhile.remove(name) }
  }

  private mutating func change(_ meshes: Set<String>) {
    let old = self.meshes
    self.meshes = meshes
    var concerned = withoutMesh
    // Meshes are rarely deleted, and never while they have Dataplanes.
    if old.map({ !meshes.isSuperset(of: $0) }) ?? true { concerned.formUnion(cluster.pods) }
    for name in concerned.sorted() { decide(on: name) }
  }

  // MARK: Work

  private mutating func done(_ work: Work) {
    queue.succeeded(work.key)
    switch work {
    case .write(let write):
      let isTold = toldMeanwhile.remove(write.pod) != nil
      if !isTold { written[write.pod] = .some(StoredDataplane(write, uid: stored[write.pod]?.uid ?? "")) }
      toldFailures[write.pod] = nil
      if leads {
        let (reason, verb) = write.isNew ? (EventReason.created, "Created") : (EventReason.updated, "Updated")
        notices.append(
          .event(
            .normal, about: .pod(write.pod, uid: write.podUID), reason: reason,
            message: "\(verb) Kuma Dataplane: \(write.pod.name)"))
      }
      decide(on: write.pod)
    case .delete(let deletion):
      if toldMeanwhile.remove(deletion.name) == nil { written[deletion.name] = .some(nil) }
      decide(on: deletion.name)
    case .lookUpOwner, .annotate: break
    case .quit(let name, _, _):
      ended[name] = cluster[pod: name]?.uid
      if leads { decideOnEnd(of: name) }
    }
  }

  private mutating func found(_ query: OwnerQuery, _ workload: Workload) {
    queue.succeeded(.owner(query))
    let pods = cluster.pods(of: query)
    guard !pods.isEmpty else { return forget(query) }
    workloads[query] = workload
    lookUpFailures[query] = nil
    for pod in pods.sorted() { decide(on: pod) }
    queue.remove(.owner(query))
  }

  private mutating func failed(_ work: Work, _ message: String, _ isRefused: Bool, at now: Duration) {
    queue.failed(work.key, isRefusal: isRefused, at: now, share: settings.share())
    guard leads else { return }
    switch work {
    case .write(let write):
      if isRefused { tell("\(PodConverter.Failure.prefix): \(message)", about: write.pod) }
      decide(on: write.pod)
    case .delete(let deletion): decide(on: deletion.name)
    case .lookUpOwner(let query):
      let pods = cluster.pods(of: query)
      guard !pods.isEmpty else { return forget(query) }
      lookUpFailures[query] = isRefused ? message : nil
      for pod in pods.sorted() { decide(on: pod) }
    case .quit(let name, _, _): decideOnEnd(of: name)
    case .annotate(let name, _): decide(onService: name)
    }
  }
}

extension PodPlan.Work {
  fileprivate var key: PodPlan.WorkKey {
    switch self {
    case .write(let write): .dataplane(write.pod)
    case .delete(let deletion): .dataplane(deletion.name)
    case .lookUpOwner(let query): .owner(query)
    case .quit(let name, _, _): .quit(name)
    case .annotate(let name, _): .service(name)
    }
  }
}
