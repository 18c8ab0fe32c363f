import Documents
import MeshModel
import OrderedCollections

/// What the user of a pod is told when it gets its sidecar: what the pod asks for and does not get.
struct InjectionWarnings {
  let pod: PodDocument
  let settings: InjectorSettings

  /// All warnings.
  ///
  /// - Parameters:
  ///   - injected: the annotations that the injection sets.
  ///   - hasToken: whether the sidecar has a token of the pod's service account.
  func all(injected: [PodAnnotation: String], hasToken: Bool) -> [String] {
    annotations(injected) + unknownAnnotations() + users() + token(hasToken) + ports(injected) + drain()
  }

  // MARK: Annotations

  /// What is not here, by the annotations that ask for it.
  private static let missing: [(annotations: [PodAnnotation], reason: String)] = [
    (
      [.builtinDNS, .builtinDNSPort, .builtinDNSLogging],
      "the sidecar answers no DNS questions, so there are no .mesh names; the pod uses the DNS of the cluster"
    ),
    ([.ebpf, .engineV1], "traffic is redirected by iptables alone"),
    ([.containerPatches], "there are no ContainerPatches; the containers are injected as they are"),
    ([.ingressPublicAddress, .ingressPublicPort], "there are no zone ingresses"),
    ([.tags], "there are no builtin gateways"),
    ([.excludeOutboundUDPPortsForUIDs], "only TCP is redirected"),
    ([.inboundPortV6], "IPv6 is redirected to the same port as IPv4"),
  ]

  /// What the injection sets, whatever a pod says.
  private static let overwritten: [PodAnnotation] = [
    .sidecarInjected, .sidecarUID, .transparentProxying, .inboundPort, .outboundPort, .ipFamilyMode,
  ]

  private func annotations(_ injected: [PodAnnotation: String]) -> [String] {
    var warnings: [String] = []
    for (annotations, reason) in Self.missing {
      // A pod that turns something off that is not here gets what it wants.
      let asked = annotations.filter { annotation in
        pod.annotations[annotation] != nil && (try? pod.annotations.boolean(annotation)) != false
      }
      warnings += asked.map { "annotation \($0.rawValue.quoted) has no effect: \(reason)" }
    }
    for annotation in [PodAnnotation.ingress, .egress] where (try? pod.annotations.boolean(annotation)) == true {
      warnings.append(
        "annotation \(annotation.rawValue.quoted) asks for what is not here: there are no zones. The pod gets no Dataplane, and its "
          + "sidecar no configuration; remove the annotation")
    }
    for annotation in Self.overwritten {
      guard let given = pod.annotations[annotation], let value = injected[annotation], given != value else { continue }
      warnings.append(
        "annotation \(annotation.rawValue.quoted) is set to \(value.quoted): the settings of the control plane decide it"
      )
    }
    return warnings
  }

  /// Keys that earlier versions of Kuma read, and that are not read any more. The texts are Kuma's.
  private static let former = [
    (
      "kuma.io/builtindns",
      "'kuma.io/builtindns' is no longer supported and it will be ignored, use 'kuma.io/builtin-dns' instead"
    ),
    (
      "kuma.io/builtindnsport",
      "'kuma.io/builtindnsport' is no longer supported and it will be ignored, use 'kuma.io/builtin-dns-port' instead"
    ),
    (
      MeshLabel.sidecarInjection.rawValue,
      "you are using kuma.io/sidecar-injection as annotation. This is not supported you should use it as a label instead"
    ),
  ]

  /// How many unknown annotations get a hint.
  private static let hintLimit = 20

  /// Annotations whose keys begin like Kuma's and that are not read here.
  private func unknownAnnotations() -> [String] {
    let known = Set(PodAnnotation.allCases.map(\.rawValue))
    var hints = 0
    return pod.annotations.values.keys.sorted().compactMap { key in
      if let text = Self.former.first(where: { $0.0 == key })?.1 { return text }
      let name = key.printable(atMost: 300).quoted
      if key == "k8s.v1.cni.cncf.io/networks", pod.annotations[key]?.contains("kuma-cni") == true {
        return
          "annotation \(name) has no effect on the sidecar: there is no CNI plugin; an init container redirects traffic"
      }
      if key.hasPrefix("prometheus.metrics.kuma.io/") {
        return "annotation \(name) has no effect: sidecars offer no metrics for Prometheus"
      }
      if key.hasPrefix("kuma.io/transparent-proxying-ebpf-") {
        return "annotation \(name) has no effect: traffic is redirected by iptables alone"
      }
      guard key.hasPrefix("kuma.io/") || key.hasPrefix("traffic.kuma.io/"), !known.contains(key) else { return nil }
      // Only so many warnings are passed on, and a hint takes its time.
      hints += 1
      let nearest = hints <= Self.hintLimit ? Self.nearest(to: key, among: known) : nil
      let hint = nearest.map { "; did you mean \($0.quoted)?" } ?? ""
      return "annotation \(name) is not known, and has no effect\(hint)"
    }
  }

  /// The known key that was probably meant. The domain is the same for all keys, and does not make two of them alike.
  private static func nearest(to key: String, among known: Set<String>) -> String? {
    let domain = key.prefix(through: key.firstIndex(of: "/") ?? key.startIndex)
    let names = known.filter { $0.hasPrefix(domain) }.map { String($0.dropFirst(domain.count)) }
    return NearestName.find(String(key.dropFirst(domain.count)), among: names).map { "\(domain)\($0)" }
  }

  // MARK: Containers

  /// Containers whose connections are not redirected because they run as the sidecar's user.
  private func users() -> [String] {
    let user = settings.userID
    var warnings = PodDocument.names(of: pod.initContainers, runningAs: user).map {
      "init container \($0.quoted) runs as user \(user), the sidecar's: its connections are not redirected"
    }
    let inheriting = pod.containers.filter { $0["securityContext"]?["runAsUser"]?.number == nil }
    if pod.spec["securityContext"]?["runAsUser"]?.number == Double(user), !inheriting.isEmpty {
      let names = inheriting.map { PodDocument.name(of: $0).quoted }.joined(separator: ", ")
      warnings.append(
        "spec.securityContext.runAsUser is \(user), the sidecar's: the connections of \(names) are not redirected, and not "
          + "traced; use another user")
    }
    return warnings
  }

  private func token(_ hasToken: Bool) -> [String] {
    guard settings.needsToken, !hasToken else { return [] }
    return [
      "no container has a token of the service account, so the control plane will refuse the sidecar; set "
        + "automountServiceAccountToken to true, or name a volume with a token in the annotation "
        + PodAnnotation.tokenVolume.rawValue.quoted
    ]
  }

  /// A pod that is ended before its sidecar is done.
  private func drain() -> [String] {
    let time = (try? pod.annotations.duration(.sidecarDrainTime)) ?? settings.drainTime
    guard let grace = pod.spec["terminationGracePeriodSeconds"]?.number,
      Duration.seconds(max(0, min(grace, 1e9))) < time
    else { return [] }
    return [
      "terminationGracePeriodSeconds is shorter than the drain time of the sidecar (\(time.words)): its last requests may be "
        + "cut off and leave no spans; raise it, or set the annotation \(PodAnnotation.sidecarDrainTime.rawValue.quoted)"
    ]
  }

  /// Ports of the application that the sidecar needs.
  private func ports(_ injected: [PodAnnotation: String]) -> [String] {
    var taken: [Int64: String] = [
      Int64(settings.inboundPort): "incoming connections", Int64(settings.outboundPort): "outgoing connections",
    ]
    func take(_ annotation: PodAnnotation, _ use: String) {
      guard let port = injected[annotation].flatMap({ Int64($0) }) else { return }
      taken[port] = "\(use); set the annotation \(annotation.rawValue.quoted) to another port"
    }
    take(.envoyAdminPort, "its administration")
    if injected[.virtualProbes] == "enabled" { take(.virtualProbesPort, "probes") }
    return pod.containers.flatMap { container -> [String] in
      (container["ports"]?.array ?? []).compactMap { port in
        guard case .integer(let number)? = port["containerPort"], (port["protocol"]?.string ?? "TCP") == "TCP",
          let use = taken[number]
        else { return nil }
        return
          "container \(PodDocument.name(of: container).quoted) uses port \(number), which the sidecar needs for \(use)"
      }
    }
  }
}
