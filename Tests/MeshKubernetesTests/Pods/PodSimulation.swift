import Documents
import KubernetesAPI
import MeshKubernetes
import MeshModel
import MeshPolicy
import OrderedCollections
import TestSupport
import Testing

/// A cluster in which anything may happen at any time: what is told comes late, and work succeeds or fails in any order.
struct PodSimulation {
  var cluster: PlannedCluster
  /// Whether the cluster tells of a write before it is answered.
  var isPrompt = false

  private var generator: SeededGenerator
  private var pods: [ObjectName: PodShape] = [:]
  private var services: [ObjectName: ServiceShape] = [:]
  private var namespaces: [String: KubernetesObject] = [:]
  private var nodes: [String: KubernetesObject] = [:]
  private var meshes: Set<String> = ["default", "other"]
  /// What is still to be told, in its order for each kind.
  private var untold: [PodPlan.Kind: [PodPlan.Event]] = [:]
  private var underWay: [PodPlan.Work] = []
  private var uids = 0

  init(seed: UInt64) {
    generator = SeededGenerator(seed: seed)
    var settings = PodPlan.Settings()
    settings.conversion.ignoredServiceSelectorLabels = ["version"]
    settings.share = { 0.5 }
    cluster = PlannedCluster(settings)
    for name in ["shop", "bank"] { namespaces[name] = scope("Namespace", name) }
  }

  private mutating func random(_ count: Int) -> Int { Int.random(in: 0..<count, using: &generator) }
  private mutating func one<Element>(_ elements: [Element]) -> Element { elements[random(elements.count)] }

  // MARK: What happens

  /// The control plane sees the cluster and leads. Without this, that happens at some time.
  mutating func begin() {
    replaceAll()
    cluster.tell(.meshes(meshes))
    cluster.tell(.leads(true))
  }

  mutating func step() {
    switch random(20) {
    case 0..<5: changePod()
    case 5..<7: changeService()
    case 7: changeScope()
    case 8: changeDataplane()
    case 9: if random(4) == 0 { cluster.tell(.leads(random(5) > 0)) }
    case 10: if random(6) == 0 { replaceAll() }
    case 11..<15: tellSome()
    case 15..<17: take()
    default: answer()
    }
  }

  private mutating func changePod() {
    let name = ObjectName(namespace: one(["shop", "shop", "bank"]), name: "\(one(["web", "db"]))-\(random(4))")
    guard var pod = pods[name] else {
      uids += 1
      var pod = PodShape()
      (pod.name, pod.namespace, pod.uid, pod.address) = (
        name.name, name.namespace, "pod-\(uids)", one(["", "10.0.0.1", "10.0.0.2"])
      )
      pod.labels = ["app": String(name.name.prefix { $0 != "-" })]
      if random(3) == 0 { pod.owners = [(one(["ReplicaSet", "StatefulSet"]), "set-\(random(2))")] }
      if random(8) == 0 { pod.annotations["kuma.io/sidecar-injected"] = nil }
      return put(pod, name)
    }
    switch random(10) {
    case 0..<2: pod.address = "10.0.0.\(random(9) + 1)"
    case 2..<4: pod.statuses = [("app", random(2) == 0, nil), ("kuma-sidecar", random(4) > 0, nil)]
    case 4: pod.isBeingDeleted = true
    case 5: pod.labels["version"] = one(["1", "2"])
    case 6: pod.node = one(["n1", "n2"])
    case 7: pod.annotations["kuma.io/mesh"] = one(["default", "default", "other", "missing"])
    case 8: pod.phase = one(["Running", "Running", "Succeeded"])
    default: return put(nil, name)
    }
    put(pod, name)
  }

  private mutating func put(_ pod: PodShape?, _ name: ObjectName) {
    let old = pods[name]
    pods[name] = pod
    if let pod {
      later(.pod, .changed(.pod, [pod.object]))
    } else if let old {
      later(.pod, .deleted(.pod, [old.object]))
    }
  }

  private mutating func changeService() {
    let name = ObjectName(namespace: one(["shop", "bank"]), name: one(["web", "db", "each"]))
    guard services[name] == nil || random(4) > 0 else {
      if let old = services.removeValue(forKey: name) { later(.service, .deleted(.service, [old.object])) }
      return
    }
    var service = services[name] ?? ServiceShape()
    (service.name, service.namespace) = (name.name, name.namespace)
    switch random(5) {
    case 0: service.selector = ["app": one(["web", "db"])]
    case 1: service.selector = one([[:], ["version": "1"], ["app": "web", "version": "2"]])
    case 2: service.ports = [.init(number: one([80, 81]), target: one(["http", 8080, "none"]), appProtocol: "http")]
    case 3: service.clusterIPs = one([["None"], ["10.96.0.1"], ["10.96.0.2", "fd00::2"]])
    default: service.annotations["kuma.io/ignore"] = one(["true", "false"])
    }
    services[name] = service
    later(.service, .changed(.service, [service.object]))
  }

  private mutating func changeScope() {
    if random(2) == 0 {
      let name = one(["shop", "bank"])
      let namespace = scope(
        "Namespace", name, annotations: random(2) == 0 ? ["kuma.io/mesh": "other"] : [:],
        phase: random(5) == 0 ? "Terminating" : "Active")
      namespaces[name] = namespace
      later(.namespace, .changed(.namespace, [namespace]))
    } else if random(2) == 0 {
      let node = scope("Node", one(["n1", "n2"]), labels: ["topology.kubernetes.io/zone": one(["a", "b"])])
      nodes[node.name] = node
      later(.node, .changed(.node, [node]))
    } else {
      meshes = one([["default", "other"], ["default"], ["default", "other", "missing"]])
      cluster.tell(.meshes(meshes))
    }
  }

  /// Somebody else changes a Dataplane.
  private mutating func changeDataplane() {
    guard let name = pods.keys.sorted().randomElement(using: &generator) else { return }
    switch random(4) {
    case 0: cluster.dataplanes[name] = nil
    case 1: cluster.dataplanes[name]?.dataplane.networking?.address = "10.66.0.1"
    case 2: cluster.dataplanes[name]?.controller = nil
    default:
      guard random(4) == 0, cluster.dataplanes[name] != nil else { return }
      cluster.dataplanes[name]?.controller = ["Fleet", "all", "f"]
    }
    tellLater(name)
  }

  // MARK: What is told

  private mutating func later(_ kind: PodPlan.Kind, _ event: PodPlan.Event) { untold[kind, default: []].append(event) }

  private mutating func tellLater(_ name: ObjectName) {
    if let object = cluster.object(name) {
      later(.dataplane, .changed(.dataplane, [object]))
    } else {
      later(.dataplane, .deleted(.dataplane, [PlannedCluster.empty(name)]))
    }
  }

  private mutating func tellSome() {
    let kinds = PodPlan.Kind.allCases.filter { untold[$0]?.isEmpty == false }
    guard !kinds.isEmpty else { return }
    let kind = one(kinds)
    for _ in 0...random(8) {
      guard untold[kind]?.isEmpty == false, let event = untold[kind]?.removeFirst() else { return }
      cluster.tell(event)
    }
  }

  private mutating func tellAll(_ kind: PodPlan.Kind) {
    for event in untold.removeValue(forKey: kind) ?? [] { cluster.tell(event) }
  }

  /// Lists take the place of all that was not told.
  private mutating func replaceAll() {
    for kind in PodPlan.Kind.allCases {
      untold[kind] = nil
      let objects: [KubernetesObject] =
        switch kind {
        case .pod: pods.keys.sorted().compactMap { pods[$0]?.object }
        case .service: services.keys.sorted().compactMap { services[$0]?.object }
        case .namespace: namespaces.keys.sorted().compactMap { namespaces[$0] }
        case .node: nodes.keys.sorted().compactMap { nodes[$0] }
        case .dataplane: cluster.dataplanes.keys.sorted().compactMap(cluster.object)
        }
      cluster.tell(.replaced(kind, objects))
    }
  }

  // MARK: What is done

  private mutating func take() {
    for _ in 0...random(4) {
      guard let work = cluster.next() else { return }
      #expect(!underWay.contains { $0.subject == work.subject }, "two at a time about \(work.subject)")
      underWay.append(work)
    }
  }

  private mutating func answer() {
    guard !underWay.isEmpty else { return }
    let work = underWay.remove(at: random(underWay.count))
    cluster.now += .milliseconds(random(2_000))
    if random(4) == 0 { return cluster.tell(.failed(work, "no", isRefused: random(2) == 0)) }
    succeed(work)
  }

  private mutating func succeed(_ work: PodPlan.Work) {
    if isPrompt { tellAll(.dataplane) }
    if let write = work.write, let reason = refusal(of: write) {
      return cluster.tell(.failed(work, reason, isRefused: true))
    }
    cluster.perform(work)
    if let name = work.write?.pod ?? work.deletion?.name { tellLater(name) }
    if isPrompt { tellAll(.dataplane) }
    cluster.tell(PlannedCluster.answer(work))
  }

  /// Why the store does not take a write.
  private func refusal(of write: PodPlan.DataplaneWrite) -> String? {
    if !meshes.contains(write.mesh) { return "there is no such mesh" }
    guard let stored = cluster.dataplanes[write.pod] else { return nil }
    if stored.mesh != write.mesh { return "another mesh has it" }
    return stored.controller?.first == "Fleet" ? "another controller has it" : nil
  }

  /// Everything is told, and all work is done.
  mutating func calm() {
    cluster.tell(.leads(true))
    cluster.tell(.meshes(meshes))
    if !cluster.plan.isComplete { replaceAll() }
    for _ in 0..<100 {
      for kind in PodPlan.Kind.allCases { tellAll(kind) }
      cluster.now += .seconds(600)
      while let work = cluster.next() { underWay.append(work) }
      if underWay.isEmpty, untold.values.allSatisfy(\.isEmpty) { return }
      while let work = underWay.popLast() { succeed(work) }
    }
    Issue.record("the plan does not come to rest")
  }

  // MARK: The oracle

  /// Compares the Dataplanes with those of a conversion from scratch.
  func check() {
    var settings = PodConverter.Settings()
    settings.ignoredServiceSelectorLabels = ["version"]
    let converter = PodConverter(settings)
    var addresses: [String: ServiceAddress] = [:]
    for service in services.values { addresses.merge(service.observed.addresses) { $1 } }
    #expect(cluster.addresses == addresses)
    for name in Set(pods.keys).union(cluster.dataplanes.keys) {
      let stored = cluster.dataplanes[name]
      if stored?.controller?.first == "Fleet" { continue }
      guard let pod = pods[name] else {
        #expect(stored?.controller == nil, "\(name) has no pod")
        continue
      }
      let outcome = converter.convert(
        pod.observed,
        PodConverter.Surroundings(
          namespace: namespaces[name.namespace].map(ObservedNamespace.init),
          services: services.values.filter { $0.namespace == name.namespace }.map(\.observed),
          nodeLabels: nodes[pod.node]?.labels ?? [:], workload: { _ in Workload(kind: "Deployment", name: "set") }))
      switch outcome {
      case .dataplane(let dataplane, let mesh) where meshes.contains(mesh):
        #expect(stored?.dataplane == dataplane && stored?.mesh == mesh, "\(name)")
        #expect(stored?.controller == ["Pod", name.name, pod.uid])
      case .none: #expect(stored?.controller == nil, "\(name) has a Dataplane")
      case .failure(let text): #expect(cluster.events(about: name.name).contains { $0.hasSuffix(text) })
      case .dataplane, .unchanged, .ownerNeeded: break
      }
    }
  }
}

extension PodPlan.Work {
  /// What the work is about.
  var subject: String {
    switch self {
    case .write(let write): "dataplane \(write.pod)"
    case .delete(let deletion): "dataplane \(deletion.name)"
    case .lookUpOwner(let query): "owner \(query.object)"
    case .quit(let name, _, _): "quit \(name)"
    case .annotate(let name, _): "service \(name)"
    }
  }
}
