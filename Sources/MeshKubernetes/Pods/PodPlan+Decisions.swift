import Documents
import KubernetesAPI
import MeshModel
import OrderedCollections

extension PodPlan {
  /// What has to be done about the Dataplane of a pod.
  private struct Decision {
    var work: Work?
    /// The ReplicaSet or Job whose owner has to be looked up first.
    var query: OwnerQuery?
    /// Why there is nothing that could be done.
    var failure: String?
    /// Whether that is so because the mesh is missing.
    var isWithoutMesh = false
    /// Whether an address is taken away from others, or is not ready any more.
    var isUrgent = false
  }

  /// Decides what has to be done about the Dataplane of a name.
  mutating func decide(on name: ObjectName) {
    guard isComplete, leads else { return }
    decisionCount += 1
    let decision = decision(on: name)
    if decision.isWithoutMesh { withoutMesh.insert(name) } else { withoutMesh.remove(name) }
    if let query = decision.query { queue.add(.owner(query), .normal) }
    tell(decision.failure, about: name, isOver: decision.work == nil)
    let key = WorkKey.dataplane(name)
    guard let work = decision.work else {
      wants[name] = nil
      queue.remove(key)
      return
    }
    if wants[name] != work {
      wants[name] = work
      queue.retryRefused(key)
    }
    queue.add(key, decision.isUrgent ? .urgent : .normal)
  }

  private func decision(on name: ObjectName) -> Decision {
    guard let pod = cluster[pod: name] else { return deletion(of: name) }
    switch outcome(of: pod) {
    case .unchanged: return Decision()
    case .failure(let text): return Decision(failure: text)
    case .ownerNeeded(let query):
      let failure = lookUpFailures[query].map { PodConverter.Failure($0).message }
      return Decision(query: query, failure: failure)
    case .none: return deletion(of: name)
    case .dataplane(let dataplane, let mesh): return write(of: dataplane, mesh, pod)
    }
  }

  private func outcome(of pod: ObservedPod) -> PodConverter.Outcome {
    let workloads = workloads
    return converter.convert(
      pod,
      PodConverter.Surroundings(
        namespace: cluster.namespace(of: pod), services: cluster.services(of: pod),
        nodeLabels: cluster.nodes[pod.node] ?? [:], workload: { workloads[$0] }))
  }

  /// The Dataplane as it is after all that was written.
  private func present(_ name: ObjectName) -> StoredDataplane? {
    if let own = written[name] { own } else { stored[name] }
  }

  private func deletion(of name: ObjectName) -> Decision {
    guard let present = present(name), present.belongs(toPod: name) else { return Decision() }
    return deletion(of: present, name)
  }

  private func deletion(of present: StoredDataplane, _ name: ObjectName) -> Decision {
    // Without a uid it has just been written; the cluster tells of it next.
    guard !present.isBeingDeleted, !present.uid.isEmpty else { return Decision() }
    let deletion = DataplaneDeletion(name: name, uid: present.uid, mesh: present.mesh)
    return Decision(work: .delete(deletion), isUrgent: true)
  }

  private func write(of dataplane: Dataplane, _ mesh: String, _ pod: ObservedPod) -> Decision {
    var decision = Decision()
    if let meshes, !meshes.contains(mesh) {
      decision.failure =
        "\(PodConverter.Failure.prefix): there is no mesh \(mesh.quoted); the Dataplane is made as soon as there is one"
      decision.isWithoutMesh = true
      return decision
    }
    let present = present(pod.name)
    if let other = present?.controller, !other.isPod(pod.name) {
      decision.failure =
        "\(PodConverter.Failure.prefix): unable to set Dataplane's controller reference to Pod: Object \(pod.name) is "
        + "already owned by another \(other.kind.printable(atMost: 63)) controller \(other.name.printable(atMost: 253))"
      return decision
    }
    if let present {
      // The next one is made when this one is gone.
      if present.isBeingDeleted { return decision }
      if let content = present.content {
        guard present.mesh == mesh else { return deletion(of: present, pod.name) }
        if content == dataplane, present.controller?.uid == pod.uid { return decision }
        decision.isUrgent = content.losesAddress(becoming: dataplane)
      }
    }
    decision.work = .write(
      DataplaneWrite(
        pod: pod.name, podUID: pod.uid, mesh: mesh, dataplane: dataplane, isNew: present == nil))
    return decision
  }

  // MARK: Telling

  /// Tells in an event what is wrong with a pod, once.
  ///
  /// - Parameter isOver: whether nothing is wrong any more if there is no failure.
  mutating func tell(_ failure: String?, about name: ObjectName, isOver: Bool = false) {
    guard let failure else {
      if isOver { toldFailures[name] = nil }
      return
    }
    guard toldFailures.updateValue(failure, forKey: name) != failure, let pod = cluster[pod: name] else { return }
    notices.append(
      .event(.warning, about: .pod(name, uid: pod.uid), reason: EventReason.failed, message: failure))
  }

  /// The reasons of events. Source: Kuma 2.7, but for the last one.
  enum EventReason {
    static let created = "CreatedKumaDataplane"
    static let updated = "UpdatedKumaDataplane"
    static let failed = "FailedToGenerateKumaDataplane"
    static let noProtocol = "NoAppProtocol"
  }
}

extension EventRecorder.Reference {
  static func pod(_ name: ObjectName, uid: String) -> Self { .core("Pod", name, uid) }
  static func service(_ service: ObservedService) -> Self { .core("Service", service.name, service.uid) }

  private static func core(_ kind: String, _ name: ObjectName, _ uid: String) -> Self {
    var object = KubernetesObject(
      KubernetesKind(version: "v1", kind: kind, plural: "", isNamespaced: true), namespace: name.namespace,
      name: name.name)
    object.metadata["uid"] = .string(uid)
    return Self(object)
  }
}
