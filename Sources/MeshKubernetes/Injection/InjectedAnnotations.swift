import Documents
import MeshModel
import OrderedCollections

/// The annotations that the injection sets on a pod. Source: Kuma 2.7.
enum InjectedAnnotations {
  /// The annotations to be set. Those that a pod has already with a value that counts have that value.
  ///
  /// - Throws: when an annotation of the pod has a value that cannot be used.
  static func of(
    _ pod: PodDocument, mesh: String, settings: InjectorSettings
  ) throws(AnnotationError) -> [PodAnnotation: String] {
    let annotations = pod.annotations
    var injected: [PodAnnotation: String] = [
      .mesh: mesh, .sidecarInjected: "true", .sidecarUID: "\(settings.userID)", .transparentProxying: "enabled",
      .inboundPort: "\(settings.inboundPort)", .outboundPort: "\(settings.outboundPort)",
      .ipFamilyMode: settings.ipFamilyMode, .ebpf: "disabled",
    ]
    if annotations[.defaultContainer] == nil, pod.containers.count == 1, let only = pod.containers.first {
      injected[.defaultContainer] = PodDocument.name(of: only)
    }
    do throws(AnnotationError) {
      try checkUnsupported(annotations)
      let hasVirtualProbes = try virtualProbes(annotations, settings)
      let probesPort = try virtualProbesPort(annotations, settings)
      try checkAdminPort(annotations, settings, probesPort: hasVirtualProbes ? probesPort : nil)
      injected[.virtualProbes] = hasVirtualProbes ? "enabled" : "disabled"
      injected[.virtualProbesPort] = "\(probesPort)"
      injected[.envoyAdminPort] = "\(try SidecarContainer.adminPort(of: annotations, settings: settings))"
    } catch {
      throw error.wrapped("could not generate annotations for pod")
    }
    let ports: [(PodAnnotation, [UInt16])] = [
      (.excludeInboundPorts, settings.excludedInboundPorts), (.excludeOutboundPorts, settings.excludedOutboundPorts),
    ]
    for (annotation, usual) in ports where annotations[annotation] == nil && !usual.isEmpty {
      injected[annotation] = usual.map(String.init).joined(separator: ",")
    }
    return injected
  }

  /// Values that cannot be used are refused also where what they ask for is not here.
  private static func checkUnsupported(_ annotations: Annotations) throws(AnnotationError) {
    do throws(AnnotationError) {
      _ = try annotations.boolean(.ebpf)
    } catch {
      throw error.wrapped("getting \(PodAnnotation.ebpf.rawValue) annotation failed")
    }
    _ = try annotations.boolean(.builtinDNS)
    _ = try annotations.number(.builtinDNSPort)
    _ = try annotations.boolean(.builtinDNSLogging)
  }

  private static func virtualProbes(
    _ annotations: Annotations, _ settings: InjectorSettings
  ) throws(AnnotationError) -> Bool {
    do throws(AnnotationError) {
      let wish = try annotations.boolean(.virtualProbes)
      guard try isGateway(annotations) else {
        return wish ?? settings.virtualProbes
      }
      guard wish == true else { return false }
      throw AnnotationError(
        code: .conflict, key: PodAnnotation.virtualProbes.rawValue,
        message: "virtual probes can't be enabled in gateway mode")
    } catch {
      throw error.wrapped("unable to set \(PodAnnotation.virtualProbes.rawValue)")
    }
  }

  private static func virtualProbesPort(
    _ annotations: Annotations, _ settings: InjectorSettings
  ) throws(AnnotationError) -> UInt16 {
    do throws(AnnotationError) {
      return try annotations.port(.virtualProbesPort)
        ?? settings.virtualProbesPort
    } catch {
      throw error.wrapped("unable to set \(PodAnnotation.virtualProbesPort.rawValue)")
    }
  }

  /// Refuses a port of Envoy's administration that the sidecar needs for something else: Envoy would never be ready.
  private static func checkAdminPort(
    _ annotations: Annotations, _ settings: InjectorSettings, probesPort: UInt16?
  ) throws(AnnotationError) {
    guard let port = try annotations.port(.envoyAdminPort) else { return }
    let use: String
    switch port {
    case settings.inboundPort: use = "incoming connections; choose another port"
    case settings.outboundPort: use = "outgoing connections; choose another port"
    case probesPort:
      use =
        "probes; choose another port, or set the annotation \(PodAnnotation.virtualProbesPort.rawValue.quoted) to another"
    default: return
    }
    throw AnnotationError(
      code: .conflict, key: PodAnnotation.envoyAdminPort.rawValue,
      message:
        "annotation \(PodAnnotation.envoyAdminPort.rawValue.quoted) has wrong value \("\(port)".quoted): the sidecar "
        + "uses this port for \(use)")
  }

  /// Whether the pod takes its incoming connections itself. Kuma refuses `provided` here, and reads it later from the pod.
  static func isGateway(_ annotations: Annotations) throws(AnnotationError) -> Bool {
    if annotations[PodAnnotation.gateway] == "provided" { return true }
    return try annotations.boolean(.gateway) ?? false
  }
}
