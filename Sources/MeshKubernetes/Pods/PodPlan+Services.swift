import KubernetesAPI
import MeshModel

extension PodPlan {
  /// Decides what has to be done about a Service.
  mutating func decide(onService name: ObjectName) {
    guard let service = cluster[service: name], missingAnnotations(of: service) != nil else {
      return queue.remove(.service(name))
    }
    queue.add(.service(name), .idle)
  }

  /// The annotations that keep ingress controllers from calling the pods of a Service by themselves, past its proxies' own
  /// balancing; `nil` when nothing is missing. Source: Kuma 2.7.
  func missingAnnotations(of service: ObservedService) -> [String: String]? {
    guard cluster[namespace: service.name.namespace]?.isInjected == true, !service.isExternalName,
      !service.isIgnored, service.annotations[ServiceAnnotation.gateway] != "builtin"
    else { return nil }
    let wanted = [ServiceAnnotation.serviceUpstream, .nginxServiceUpstream]
    guard wanted.contains(where: { service.annotations[$0] != "true" }) else { return nil }
    return Dictionary(uniqueKeysWithValues: wanted.map { ($0.rawValue, "true") })
  }

  /// Tells in an event that a Service with proxies does not say its protocols, once.
  mutating func advise(_ service: ObservedService) {
    guard !service.isExternalName, !service.isIgnored, let advice = ServiceProtocol.advice(about: service) else {
      toldAdvice[service.name] = nil
      return
    }
    guard toldAdvice.updateValue(advice, forKey: service.name) != advice else { return }
    notices.append(
      .event(.warning, about: .service(service), reason: EventReason.noProtocol, message: advice))
  }

  /// Decides whether the proxy of a pod has to be told to end.
  mutating func decideOnEnd(of name: ObjectName) {
    guard let pod = cluster[pod: name], pod.hasOnlySidecarLeft, pod.adminPort != nil, ended[name] != pod.uid else {
      return queue.remove(.quit(name))
    }
    queue.add(.quit(name), .normal)
  }
}

extension ObservedPod {
  /// Whether something in the annotations concerns proxies.
  var concernsMesh: Bool {
    annotations[PodAnnotation.gateway] == "builtin"
      || [PodAnnotation.sidecarInjected, .ingress, .egress].contains { annotations[$0] != nil }
  }

  /// The port of Envoy's administration.
  var adminPort: UInt16? {
    guard let number = try? annotations.number(.envoyAdminPort) ?? 9901, number > 0 else { return nil }
    return UInt16(exactly: number)
  }

  /// Whether all containers but the sidecar have ended and are not started again. A sidecar that is an init container is ended
  /// by the node. Source: Kuma 2.7.
  var hasOnlySidecarLeft: Bool {
    guard restartPolicy != "Always", !isBeingDeleted, !address.isEmpty,
      let sidecar = statuses[Self.sidecar], sidecar.exitCode == nil
    else { return false }
    return containers.allSatisfy { container in
      guard container.name != Self.sidecar else { return true }
      guard let exitCode = statuses[container.name]?.exitCode else { return false }
      return exitCode == 0 || restartPolicy == "Never"
    }
  }
}
