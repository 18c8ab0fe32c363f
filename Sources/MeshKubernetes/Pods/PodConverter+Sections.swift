import Documents
import MeshModel
import OrderedCollections

extension PodConverter {
  // MARK: Redirection

  /// How the connections of the pod are redirected to its proxy; `nil` when they are not.
  func transparentProxying(of pod: ObservedPod) throws(Interruption) -> Dataplane.TransparentProxying? {
    let annotations = pod.annotations
    guard try boolean(PodAnnotation.transparentProxying.rawValue, annotations) == true else { return nil }
    guard let inbound = try number(PodAnnotation.inboundPort.rawValue, annotations) else {
      throw .failure(Failure("transparent proxying inbound port has to be set in transparent mode"))
    }
    let inboundV6 = try? annotations.number(.inboundPortV6)
    var mode = Dataplane.IPFamilyMode.dualStack
    switch annotations[.ipFamilyMode] {
    case "dualstack": break
    case "ipv4": mode = .ipv4
    // Pods from before the annotation switch IPv6 off in this way.
    case nil: if inboundV6 == 0 { mode = .ipv4 }
    case let other?: throw .failure(Failure("invalid ip family mode '\(other.printable(atMost: 200))'"))
    }
    guard let outbound = try number(PodAnnotation.outboundPort.rawValue, annotations) else {
      throw .failure(Failure("transparent proxying outbound port has to be set in transparent mode"))
    }
    // An annotation without names is the same as none.
    let reachable = annotations.list(.reachableServices) ?? []
    return Dataplane.TransparentProxying(
      redirectPortInbound: inbound, redirectPortOutbound: outbound, ipFamilyMode: mode,
      redirectPortInboundV6: inboundV6 ?? 0, directAccessServices: annotations.list(.directAccessServices) ?? [],
      reachableServices: reachable.isEmpty ? nil : reachable)
  }

  // MARK: Probes

  /// The HTTP probes of the pod that its proxy serves, read back from what the injection has made of them.
  func probes(of pod: ObservedPod) throws(Interruption) -> Dataplane.Probes? {
    let annotations = pod.annotations
    guard try boolean(PodAnnotation.virtualProbes.rawValue, annotations) == true else { return nil }
    guard let port = try number(PodAnnotation.virtualProbesPort.rawValue, annotations) else {
      throw .failure(Failure("\(PodAnnotation.virtualProbesPort.rawValue) annotation doesn't exist"))
    }
    var probes = Dataplane.Probes(port: port)
    for container in pod.containers where container.name != ObservedPod.sidecar {
      for probe in container.probes {
        let real = try real(probe, port)
        probes.endpoints.append(.init(inboundPort: real.port, inboundPath: real.path, path: probe.path))
      }
    }
    return probes
  }

  /// The probe of before the injection: `/8080/healthz` was `/healthz` at port 8080.
  private func real(
    _ probe: ObservedPod.HTTPProbe, _ virtualPort: UInt32
  ) throws(Interruption) -> (port: UInt32, path: String) {
    func failure(_ reason: String) -> Interruption {
      .failure(Failure("unable to convert virtual probe to real: \(reason)"))
    }
    guard probe.port == virtualPort else {
      throw failure("probe's port \(probe.port) should be equal to virtual port \(virtualPort)")
    }
    let segments = probe.path.split(separator: "/", maxSplits: 2, omittingEmptySubsequences: false)
    guard segments.count >= 2, segments[0].isEmpty else { throw failure("not enough segments in probe's path") }
    guard let port = UInt32(segments[1]) else {
      throw failure("invalid port value \(segments[1].printable(atMost: 200))")
    }
    return (port, "/" + (segments.count > 2 ? segments[2] : ""))
  }

  // MARK: Metrics

  /// Where the application gives metrics. They are only kept, for Prometheus.
  func metrics(of pod: ObservedPod) throws(Interruption) -> DocumentValue? {
    let annotations = pod.annotations
    let prefix = "prometheus.metrics.kuma.io/"
    guard annotations.values.keys.contains(where: { $0.hasPrefix(prefix) }) else { return nil }
    var configuration: DocumentValue.Object = [:]
    if let path = annotations[prefix + "path"], !path.isEmpty { configuration["path"] = .string(path) }
    let port = try number(prefix + "port", annotations)
    if let port, port != 0 { configuration["port"] = .integer(Int64(port)) }
    var applications: [DocumentValue] = []
    for name in Self.aggregatedApplications(annotations.values.keys, prefix: prefix + "aggregate-") {
      let key = "\(prefix)aggregate-\(name)-"
      let isEnabled = try boolean(key + "enabled", annotations) ?? true
      let port = try number(key + "port", annotations)
      guard port != nil || !isEnabled else {
        throw .failure(Failure("port needs to be specified for metrics scraping"))
      }
      var application: DocumentValue.Object = ["name": .string(name)]
      application["path"] = .string(annotations[key + "path"] ?? "/metrics")
      if let port, port != 0 { application["port"] = .integer(Int64(port)) }
      application["enabled"] = .bool(isEnabled)
      if let address = annotations[key + "address"], !address.isEmpty { application["address"] = .string(address) }
      applications.append(.object(application))
    }
    if !applications.isEmpty { configuration["aggregate"] = .array(applications) }
    guard !configuration.isEmpty || port != nil else { return nil }
    return ["type": "prometheus", "conf": .object(configuration)]
  }

  /// The applications that annotations name, such as `web` in `…/aggregate-web-port`, in sorted order.
  private static func aggregatedApplications(_ keys: some Sequence<String>, prefix: String) -> [String] {
    var names: Set<String> = []
    for key in keys where key.hasPrefix(prefix) {
      let rest = key.dropFirst(prefix.count)
      guard let suffix = ["-port", "-path", "-enabled"].first(where: rest.hasSuffix) else { continue }
      let name = rest.dropLast(suffix.count)
      let isName = name.utf8.allSatisfy { byte in
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) || byte == 0x2D
      }
      if isName, !name.isEmpty { names.insert(String(name)) }
    }
    return names.sorted()
  }
}
