import Documents
import MeshKubernetes
import MeshModel
import MeshTestSupport
import OrderedCollections

/// Injects as the webhook does.
enum Injecting {
  /// The settings of the samples.
  static func settings(of sample: PodSample) -> InjectorSettings {
    var settings = InjectorSettings()
    settings.sidecarImage = "kuma-dp:1"
    settings.initImage = "kuma-init:1"
    settings.controlPlaneCertificates = "(certificates of the control plane)\n"
    switch sample.name {
    case "settings-sidecar-container": settings.usesSidecarContainers = true
    case "settings-operator":
      settings.userID = 1234
      settings.groupID = 1235
      settings.adminPort = 9911
      settings.drainTime = .milliseconds(62_500)
      settings.environment = ["LEVEL": "operator", "POD_NAME": "fixed"]
      settings.excludedInboundPorts = [22, 9102]
      settings.excludedOutboundPorts = [25]
      settings.inboundPort = 16006
      settings.outboundPort = 16001
      settings.ipFamilyMode = "ipv4"
      settings.limits = InjectorSettings.Resources(cpu: "3500m", memory: "1Gi")
      settings.liveness = InjectorSettings.Probe(
        initialDelaySeconds: 10, timeoutSeconds: 4, periodSeconds: 6, failureThreshold: 7)
      settings.readiness = InjectorSettings.Probe(initialDelaySeconds: 2, successThreshold: 3)
      settings.requests = InjectorSettings.Resources(cpu: "100m", memory: "32Mi")
      settings.virtualProbesPort = 9009
      settings.waitsForDataplane = true
    default: break
    }
    return settings
  }

  /// The answer about a pod.
  static func answer(
    _ pod: DocumentValue, in namespace: DocumentValue.Object, settings: InjectorSettings = InjectorSettings(),
    operation: String = "CREATE"
  ) async throws -> AdmissionAnswer {
    let name = namespace["metadata"]?["name"]?.string ?? ""
    let view = KnownMeshes(uids: ["default": "1", "shop": "2"], namespaces: [name: NamespaceFacts(of: namespace)])
    let review: DocumentValue = [
      "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
      "request": [
        "uid": "the-uid", "kind": ["group": "", "version": "v1", "kind": "Pod"], "operation": .string(operation),
        "namespace": .string(name), "object": pod,
      ],
    ]
    return await Admission(view: view, injector: Injector(settings: settings)).answer(
      .injection, to: try AdmissionRequest(review: review))
  }

  /// The answer about the pod of a sample.
  static func answer(_ sample: PodSample) async throws -> AdmissionAnswer {
    try await answer(.object(sample.pod), in: sample.namespace, settings: settings(of: sample))
  }
}
