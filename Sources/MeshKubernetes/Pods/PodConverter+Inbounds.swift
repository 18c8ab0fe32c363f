import MeshModel

extension PodConverter {
  /// The Services that make inbounds of a pod, by name.
  private func services(of pod: ObservedPod, _ surroundings: Surroundings) -> [ObservedService] {
    let matching = surroundings.services.filter { service in
      !service.isIgnored && !service.selector.isEmpty
        && service.selects(pod.labels, ignoring: settings.ignoredServiceSelectorLabels)
    }
    return matching.sorted { $0.name < $1.name }
  }

  /// One inbound for each TCP port of each Service, or one that stands for a pod without a Service.
  func inbounds(of pod: ObservedPod, _ surroundings: Surroundings) throws(Interruption) -> [Dataplane.Inbound] {
    let nodeLabels = nodeTags(surroundings)
    let services = services(of: pod, surroundings)
    var inbounds: [Dataplane.Inbound] = []
    let common = commonTags(of: pod, nodeLabels)
    for service in services where !service.isExternalName {
      for port in service.ports where port.isTCP {
        guard let (number, container) = target(of: port, pod) else { continue }
        guard inbounds.count < Self.inboundLimit else {
          throw .failure(
            Failure(
              "\(services.count) Services select the pod, so it would have more than \(Self.inboundLimit) inbounds; "
                + "give those that do not matter the annotation \(ServiceAnnotation.ignore.rawValue): \"true\""))
        }
        var inbound = Dataplane.Inbound(port: number, tags: common)
        setTags(of: port, service, pod, nodeLabels, to: &inbound.tags)
        inbound.state = state(of: pod, container: container, service)
        inbound.ready = inbound.state.isEmpty
        inbounds.append(inbound)
      }
    }
    guard inbounds.isEmpty else { return inbounds }
    guard services.isEmpty else {
      throw .failure(
        Failure(
          "A service that selects pod \(pod.name.name) was found, but it doesn't match any container ports."))
    }
    return [try serviceless(pod, surroundings, nodeLabels)]
  }

  // MARK: Ports and states

  /// The port of the pod to which connections to a Service's port go, and the container that declares it; `nil` when no
  /// container has a port of that name.
  private func target(
    of port: ObservedService.Port, _ pod: ObservedPod
  ) -> (number: UInt32, container: String?)? {
    for container in pod.containers {
      for declared in container.ports where declared.isTCP {
        switch port.target {
        case .name(let name) where declared.name == name: return (declared.number, container.name)
        case .number(let number) where declared.number == number: return (number, container.name)
        default: continue
        }
      }
    }
    if case .number(let number) = port.target { return (number, nil) }
    return nil
  }

  /// `NotReady` or `Ignored`; empty for ready, which is the same as none.
  private func state(of pod: ObservedPod, container: String?, _ service: ObservedService) -> String {
    if !service.selects(pod.labels) { return "Ignored" }
    let isContainerReady = container.map(pod.isReady) ?? true
    return isContainerReady && pod.isSidecarReady && !pod.isBeingDeleted ? "" : "NotReady"
  }

  // MARK: Tags

  /// The labels of the node that become tags.
  private func nodeTags(_ surroundings: Surroundings) -> [String: String] {
    surroundings.nodeLabels.filter { settings.nodeLabelsToCopy.contains($0.key) }
  }

  /// The tags that all inbounds for Services have.
  private func commonTags(of pod: ObservedPod, _ nodeTags: [String: String]) -> [String: String] {
    var tags = pod.labels.filter { !$0.value.isEmpty && !$0.key.contains("kuma.io/") }
    tags[KubernetesLabel.namespace] = pod.name.namespace
    if !settings.zone.isEmpty { tags[TagName.zone] = settings.zone }
    return tags.merging(nodeTags) { _, node in node }
  }

  private func setTags(
    of port: ObservedService.Port, _ service: ObservedService, _ pod: ObservedPod, _ nodeTags: [String: String],
    to tags: inout [String: String]
  ) {
    tags["k8s.kuma.io/service-name"] = service.name.name
    tags["k8s.kuma.io/service-port"] = String(port.number)
    tags[TagName.service] = service.tag(ofPort: port.number)
    let name = ServiceProtocol.tag(of: port, service)
    // Only TCP goes through a delegated gateway.
    if pod.annotations[PodAnnotation.gateway] == nil || name == "tcp" { tags[TagName.protocol] = name }
    if service.isHeadless { tags[TagName.instance] = pod.name.name }
  }

  /// The inbound of a pod that no Service selects. Nobody calls it; it gives the proxy its identity.
  private func serviceless(
    _ pod: ObservedPod, _ surroundings: Surroundings, _ nodeTags: [String: String]
  ) throws(Interruption) -> Dataplane.Inbound {
    var tags = pod.labels.filter { !$0.value.isEmpty }
    tags[KubernetesLabel.namespace] = pod.name.namespace
    tags[TagName.service] = try service(ofOwnerOf: pod, surroundings)
    if !settings.zone.isEmpty { tags[TagName.zone] = settings.zone }
    tags[TagName.protocol] = "tcp"
    tags[TagName.instance] = pod.name.name
    tags.merge(nodeTags) { _, node in node }
    let isReady = pod.isSidecarReady && pod.containers.allSatisfy { pod.isReady($0.name) }
    return Dataplane.Inbound(
      port: Dataplane.Inbound.servicelessPort, tags: tags, ready: isReady, state: isReady ? "" : "NotReady")
  }
}
