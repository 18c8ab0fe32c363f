import Documents
import MeshModel
import OrderedCollections

/// The container `kuma-sidecar`: kuma-dp with its Envoy. Source: Kuma 2.7.
struct SidecarContainer {
  /// Where the token of a service account is.
  static let tokenFolder = "/var/run/secrets/kubernetes.io/serviceaccount"
  /// The volume for what the sidecar writes.
  static let temporaryVolume = "kuma-sidecar-tmp"
  /// The path of Envoy's administration that answers when the proxy is ready.
  private static let readyPath = "/ready"
  /// The least number of worker threads, unless a pod asks for fewer: one may be blocked.
  private static let leastConcurrency = 2

  let settings: InjectorSettings
  /// The container as an object.
  private(set) var document: DocumentValue.Object
  /// Whether the container has a token of the pod's service account.
  let hasToken: Bool

  /// - Throws: when an annotation of the pod has a value that cannot be used.
  init(of pod: PodDocument, mesh: String, settings: InjectorSettings) throws(AnnotationError) {
    self.settings = settings
    let annotations = pod.annotations
    let environment = try SidecarEnvironment.variables(of: annotations, mesh: mesh, settings: settings)
    let concurrency =
      try annotations.number(.sidecarConcurrency).map { Int($0) }
      ?? max(Self.leastConcurrency, settings.limits.cpu.wholeUnits)
    let adminPort = try Self.adminPort(of: annotations, settings: settings)
    let isAwaited = try annotations.boolean(.waitForDataplaneReady) ?? settings.waitsForDataplane
    document = [
      "name": .string(InjectionDecision.sidecarName), "image": .string(settings.sidecarImage),
      "imagePullPolicy": "IfNotPresent",
    ]
    document["args"] = .array(
      ["run", "--log-level=info"] + (concurrency > 0 ? [.string("--concurrency=\(concurrency)")] : []))
    document["env"] = .array(environment)
    document["securityContext"] = [
      "runAsUser": .integer(settings.userID), "runAsGroup": .integer(settings.groupID),
      "capabilities": ["drop": ["ALL"]], "readOnlyRootFilesystem": true,
    ]
    document["livenessProbe"] = Self.probe(settings.liveness, port: adminPort)
    document["readinessProbe"] = Self.probe(settings.readiness, port: adminPort)
    document["resources"] = [
      "requests": Self.amounts(settings.requests, storage: "50M"),
      "limits": Self.amounts(settings.limits, storage: "1G"),
    ]
    if settings.usesSidecarContainers {
      // The startup probe makes the application wait. The hook tells kuma-dp that the pod ends.
      document["restartPolicy"] = "Always"
      document["startupProbe"] = Self.probe(settings.startup, port: adminPort)
      document["lifecycle"] = ["preStop": ["exec": ["command": ["killall", "-USR2", "kuma-dp"]]]]
    } else if isAwaited {
      let command: DocumentValue = [
        "kuma-dp", "wait", "--url", .string("http://localhost:\(adminPort)\(Self.readyPath)"),
      ]
      document["lifecycle"] = ["postStart": ["exec": ["command": command]]]
    }
    let token = try Self.tokenMount(of: pod)
    hasToken = token != nil
    document["volumeMounts"] = .array(
      [token, ["name": .string(Self.temporaryVolume), "mountPath": "/tmp"]].compactMap { $0 })
  }

  /// The port of Envoy's administration.
  static func adminPort(of annotations: Annotations, settings: InjectorSettings) throws(AnnotationError) -> UInt16 {
    try annotations.port(.envoyAdminPort) ?? settings.adminPort
  }

  private static func probe(_ probe: InjectorSettings.Probe, port: UInt16) -> DocumentValue {
    [
      "httpGet": ["path": .string(readyPath), "port": .integer(Int64(port))],
      "initialDelaySeconds": .integer(Int64(probe.initialDelaySeconds)),
      "timeoutSeconds": .integer(Int64(probe.timeoutSeconds)), "periodSeconds": .integer(Int64(probe.periodSeconds)),
      "successThreshold": .integer(Int64(probe.successThreshold)),
      "failureThreshold": .integer(Int64(probe.failureThreshold)),
    ]
  }

  private static func amounts(_ resources: InjectorSettings.Resources, storage: Quantity) -> DocumentValue {
    [
      "cpu": .string(resources.cpu.text), "memory": .string(resources.memory.text),
      "ephemeral-storage": .string(storage.text),
    ]
  }

  /// The mount with the token of the service account: of the volume that the pod names, else the one that its containers have. It
  /// is found by its path, because volumes have other names and forms in each version of Kubernetes. A pod may have none.
  private static func tokenMount(of pod: PodDocument) throws(AnnotationError) -> DocumentValue? {
    if let volume = pod.annotations[.tokenVolume] {
      guard pod.volumes.contains(where: { $0["name"]?.string == volume }) else {
        throw AnnotationError(
          code: .conflict, key: PodAnnotation.tokenVolume.rawValue,
          message:
            "volume (\(volume.printable(atMost: 100))) specified for \(PodAnnotation.tokenVolume.rawValue) but volume does not "
            + "exist in pod spec")
      }
      return ["name": .string(volume), "readOnly": true, "mountPath": .string(tokenFolder)]
    }
    let mounts = pod.containers.lazy.flatMap { $0["volumeMounts"]?.array ?? [] }
    return mounts.first { $0["mountPath"]?.string == tokenFolder }
  }
}
