import Documents
import MeshModel
import OrderedCollections

/// The environment variables of the sidecar. Source: Kuma 2.7.
enum SidecarEnvironment {
  /// The variables, sorted by name. The annotation of the pod goes before the settings, and these before the injector's own.
  static func variables(
    of annotations: Annotations, mesh: String, settings: InjectorSettings
  ) throws(AnnotationError) -> [DocumentValue] {
    let drainTime = try annotations.duration(.sidecarDrainTime) ?? settings.drainTime
    var texts = [
      "KUMA_CONTROL_PLANE_URL": settings.controlPlaneURL,
      "KUMA_CONTROL_PLANE_CA_CERT": settings.controlPlaneCertificates,
      "KUMA_DATAPLANE_MESH": mesh,
      "KUMA_DATAPLANE_DRAIN_TIME": drainTime.goText ?? "",
      "KUMA_DATAPLANE_RUNTIME_TOKEN_PATH": "\(SidecarContainer.tokenFolder)/token",
      // The sidecar answers no DNS questions.
      "KUMA_DNS_ENABLED": "false",
    ]
    try check(annotations, .envoyLogLevel, by: EnvoyLogLevels.fault(ofLevel:))
    try check(annotations, .envoyComponentLogLevel, by: EnvoyLogLevels.fault(ofComponentLevels:))
    texts["KUMA_DATAPLANE_RUNTIME_ENVOY_LOG_LEVEL"] = annotations[.envoyLogLevel]
    texts["KUMA_DATAPLANE_RUNTIME_ENVOY_COMPONENT_LOG_LEVEL"] = annotations[.envoyComponentLogLevel]
    var variables: [String: DocumentValue.Object] = [:]
    func set(_ texts: [String: String]) {
      for (name, text) in texts { variables[name] = ["name": .string(name), "value": .string(text)] }
    }
    set(texts)
    for (name, path) in fields {
      let source: DocumentValue = ["fieldRef": ["apiVersion": "v1", "fieldPath": .string(path)]]
      variables[name] = ["name": .string(name), "valueFrom": source]
    }
    set(settings.environment)
    set(try ownVariables(of: annotations))
    return variables.sorted { $0.key < $1.key }.map { .object($0.value) }
  }

  /// Refuses a text that kuma-dp would refuse at each start, in the same words.
  private static func check(
    _ annotations: Annotations, _ annotation: PodAnnotation, by fault: (String) -> String?
  ) throws(AnnotationError) {
    guard let text = annotations[annotation], let fault = fault(text) else { return }
    throw AnnotationError(
      code: .wrongValue, key: annotation.rawValue,
      message: "annotation \(annotation.rawValue.quoted): \(text.abridged().quoted) \(fault)")
  }

  /// The variables that the pod gives. A name that the API server would refuse is refused here, where the annotation is known.
  private static func ownVariables(of annotations: Annotations) throws(AnnotationError) -> [String: String] {
    let texts = try annotations.map(.sidecarEnvironment) ?? [:]
    guard let name = texts.keys.filter({ !isName($0) }).min() else { return texts }
    throw AnnotationError(
      code: .wrongFormat, key: PodAnnotation.sidecarEnvironment.rawValue,
      message:
        "annotation \(PodAnnotation.sidecarEnvironment.rawValue.quoted): \(name.abridged().quoted) is not the name of a "
        + "variable; use letters, digits, _, - and ., with neither a digit nor .. first")
  }

  /// Whether a variable of a container can have this name. Source: Kubernetes, before it took nearly every character (1.34).
  private static func isName(_ text: String) -> Bool {
    guard let first = text.utf8.first, !(0x30...0x39).contains(first), text != ".", !text.hasPrefix("..") else {
      return false
    }
    return text.utf8.allSatisfy { byte in
      switch byte {
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
      default: byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".")
      }
    }
  }

  /// What the kubelet fills in, by the paths of the pod's fields.
  private static let fields = [
    "POD_NAME": "metadata.name", "POD_NAMESPACE": "metadata.namespace", "INSTANCE_IP": "status.podIP",
  ]
}
