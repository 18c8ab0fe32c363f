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
    set(try annotations.map(.sidecarEnvironment) ?? [:])
    return variables.sorted { $0.key < $1.key }.map { .object($0.value) }
  }

  /// What the kubelet fills in, by the paths of the pod's fields.
  private static let fields = [
    "POD_NAME": "metadata.name", "POD_NAMESPACE": "metadata.namespace", "INSTANCE_IP": "status.podIP",
  ]
}
