import Documents
package import MeshModel
import OrderedCollections

/// Makes Dataplanes of pods and of the Services that select them. Source of all rules and texts: Kuma 2.7.
package struct PodConverter: Sendable {
  /// What the control plane's settings say about Dataplanes of pods.
  package struct Settings: Sendable {
    /// The zone of all proxies; empty for none.
    package var zone = "default"
    /// Labels that do not count in the selectors of Services (`runtime.kubernetes.injector.ignoredServiceSelectorLabels`).
    package var ignoredServiceSelectorLabels: [String] = []
    /// Labels of a node that become tags of the proxies of its pods (`runtime.kubernetes.injector.nodeLabelsToCopy`).
    package var nodeLabelsToCopy = ["topology.kubernetes.io/zone", "topology.kubernetes.io/region"]

    package init() {}
  }

  /// What becomes of a pod.
  package enum Outcome: Sendable, Hashable {
    /// The pod has a Dataplane.
    case dataplane(Dataplane, mesh: String)
    /// The pod has none; one of before is deleted.
    case none(Absence)
    /// Nothing is done; a Dataplane of before stays as it is.
    case unchanged
    /// Nothing can be made of the pod; a Dataplane of before stays as it is. The text is that of the event.
    case failure(String)
    /// The owners of an object have to be looked up first.
    case ownerNeeded(OwnerQuery)
  }

  /// Why a pod has no Dataplane.
  package enum Absence: Sendable, Hashable {
    /// It has no sidecar.
    case notInjected
    /// All its containers have ended well.
    case succeeded
    /// It has no address yet, or none any more.
    case noAddress
    /// Its node has evicted it.
    case evicted
  }

  /// What is known about a pod beside the pod.
  package struct Surroundings: Sendable {
    /// The namespace; `nil` when it is not known.
    package var namespace: ObservedNamespace?
    /// The Services of the namespace, in any order. Those that do not select the pod do not count.
    package var services: [ObservedService]
    /// The labels of the node; empty when it is not known.
    package var nodeLabels: [String: String]
    /// The workloads to which ReplicaSets and Jobs belong.
    package var workload: @Sendable (OwnerQuery) -> Workload?

    /// Says what is known about a pod.
    package init(
      namespace: ObservedNamespace?, services: [ObservedService] = [], nodeLabels: [String: String] = [:],
      workload: @escaping @Sendable (OwnerQuery) -> Workload? = { _ in nil }
    ) {
      self.namespace = namespace
      self.services = services
      self.nodeLabels = nodeLabels
      self.workload = workload
    }
  }

  /// A sentence for the event about a pod of which nothing can be made.
  struct Failure: Error {
    var message: String

    /// Says what is wrong in a value of a pod or a Service.
    init(_ reason: String) {
      message = "\(Self.prefix): unable to translate a Pod into a Dataplane: \(reason)"
    }

    /// Says what is wrong in full.
    init(whole message: String) { self.message = message }

    /// How every such event begins. Source: Kuma 2.7.
    static let prefix = "Failed to generate Kuma Dataplane"
  }

  /// Why the conversion of a pod ends early.
  enum Interruption: Error {
    case failure(Failure)
    case ownerNeeded(OwnerQuery)
  }

  /// How many inbounds a pod may have. A Dataplane with more would be too large for many API servers.
  package static let inboundLimit = 1_000

  let settings: Settings

  /// Makes a converter.
  package init(_ settings: Settings = Settings()) { self.settings = settings }

  /// Converts a pod.
  package func convert(_ pod: ObservedPod, _ surroundings: Surroundings) -> Outcome {
    do throws(Interruption) {
      return try outcome(of: pod, surroundings)
    } catch {
      switch error {
      case .failure(let failure): return .failure(failure.message)
      case .ownerNeeded(let query): return .ownerNeeded(query)
      }
    }
  }

  private func outcome(of pod: ObservedPod, _ surroundings: Surroundings) throws(Interruption) -> Outcome {
    let annotations = pod.annotations
    for annotation in [PodAnnotation.ingress, .egress] {
      guard try boolean(annotation.rawValue, annotations) == true else { continue }
      throw .failure(
        Failure(whole: "\(Failure.prefix): there are no zones here, so \"\(annotation.rawValue)\" has no effect"))
    }
    let isBuiltin = annotations[PodAnnotation.gateway] == "builtin"
    let isInjected = try boolean(PodAnnotation.sidecarInjected.rawValue, annotations) ?? false
    guard isInjected || isBuiltin else { return .none(.notInjected) }
    guard let namespace = surroundings.namespace, !namespace.isTerminating else { return .unchanged }
    if pod.phase == "Succeeded" { return .none(.succeeded) }
    if pod.address.isEmpty { return .none(.noAddress) }
    if pod.reason == "Evicted" { return .none(.evicted) }
    let mesh = [annotations[.mesh] ?? "", namespace.mesh].first { !$0.isEmpty } ?? "default"
    let dataplane = isBuiltin ? try builtinGateway(pod) : try dataplane(of: pod, surroundings)
    let resource = Resource(mesh: mesh, name: pod.name.dataplane, spec: .dataplane(dataplane))
    let violations = resource.violations()
    guard violations.isEmpty else {
      let list = violations.map { "spec.\($0.field): \($0.message)" }.joined(separator: "; ")
      throw .failure(Failure(whole: "\(Failure.prefix): \(list)"))
    }
    return .dataplane(dataplane, mesh: mesh)
  }

  func boolean(_ key: String, _ annotations: Annotations) throws(Interruption) -> Bool? {
    do throws(AnnotationError) {
      return try annotations.boolean(key)
    } catch {
      throw .failure(Failure(error.message))
    }
  }

  func number(_ key: String, _ annotations: Annotations) throws(Interruption) -> UInt32? {
    do throws(AnnotationError) {
      return try annotations.number(key)
    } catch {
      throw .failure(Failure(error.message))
    }
  }

  private func dataplane(
    of pod: ObservedPod, _ surroundings: Surroundings
  ) throws(Interruption) -> Dataplane {
    var networking = Dataplane.Networking(address: pod.address)
    networking.transparentProxying = try transparentProxying(of: pod)
    if pod.annotations[PodAnnotation.gateway] == nil {
      networking.inbound = try inbounds(of: pod, surroundings)
    } else {
      networking.gateway = try gateway(of: pod, surroundings)
    }
    networking.adminPort = try number(PodAnnotation.envoyAdminPort.rawValue, pod.annotations)
    var dataplane = Dataplane(networking: networking)
    dataplane.probes = try probes(of: pod)
    dataplane.otherSections["metrics"] = try metrics(of: pod)
    return dataplane
  }

  // MARK: Gateways

  private func gateway(
    of pod: ObservedPod, _ surroundings: Surroundings
  ) throws(Interruption) -> Dataplane.Gateway {
    switch pod.annotations[PodAnnotation.gateway] ?? "" {
    case "enabled": break
    case "provided":
      guard try owner(of: pod, surroundings).kind == "Deployment" else { break }
      // Kuma sets the second tag alone, and then refuses the Dataplane because the first one is missing.
      let service = try service(ofOwnerOf: pod, surroundings)
      return Dataplane.Gateway(tags: [TagName.service: service, "kuma.io/service-name": service])
    case let other: throw .failure(Failure("invalid delegated gateway type '\(other.printable(atMost: 200))'"))
    }
    return Dataplane.Gateway(tags: try inbounds(of: pod, surroundings).first?.tags ?? [:])
  }

  private func builtinGateway(_ pod: ObservedPod) throws(Interruption) -> Dataplane {
    guard let text = pod.annotations[.tags] else {
      throw .failure(Failure(whole: "Missing kuma.io/tags annotation on Pod serving a builtin Gateway"))
    }
    var tags: [String: String] = [:]
    let object = (try? DocumentValue(json: text.utf8))?.object
    for (name, value) in object ?? [:] { tags[name] = value.string }
    guard let object, tags.count == object.count else {
      throw .failure(Failure(whole: "Invalid kuma.io/tags annotation on Pod serving a builtin Gateway"))
    }
    if !settings.zone.isEmpty { tags[TagName.zone] = settings.zone }
    return Dataplane(
      networking: Dataplane.Networking(
        address: pod.address, gateway: Dataplane.Gateway(tags: tags, type: "BUILTIN")))
  }

  // MARK: Owners

  /// The workload of a pod, which names the service of a pod that no Service selects. Source: Kuma 2.7.
  func owner(of pod: ObservedPod, _ surroundings: Surroundings) throws(Interruption) -> Workload {
    if let query = pod.ownerQuery {
      guard let workload = surroundings.workload(query) else { throw .ownerNeeded(query) }
      return workload
    }
    if let owner = pod.owners.first { return owner }
    return Workload(kind: "Pod", name: pod.name.name)
  }

  func service(ofOwnerOf pod: ObservedPod, _ surroundings: Surroundings) throws(Interruption) -> String {
    "\(try owner(of: pod, surroundings).name)_\(pod.name.namespace)_svc"
  }
}
