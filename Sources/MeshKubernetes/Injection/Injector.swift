import Documents
import MeshModel
import OrderedCollections

/// Puts a sidecar into a pod: decides whether, and writes the JSON patch. What the user wrote stays. Source: Kuma 2.7.
package struct Injector: Sendable {
  private let settings: InjectorSettings

  /// Makes an injector.
  package init(settings: InjectorSettings) { self.settings = settings }

  /// Answers the question of the API server about a new pod.
  ///
  /// - Parameters:
  ///   - namespace: labels and annotations of the pod's namespace.
  ///   - meshExists: asked for the pod's mesh when it gets a sidecar.
  package func answer(
    to request: AdmissionRequest, in namespace: NamespaceFacts, meshExists: (String) async throws -> Bool
  ) async -> AdmissionAnswer {
    let pod = PodDocument(request.object)
    do {
      switch try InjectionDecision.decide(pod, in: namespace, exceptions: settings.exceptionLabels) {
      case .skip(let reason): return .allowed(warnings: Self.warnings(about: reason))
      case .inject(let mesh):
        // A name that no mesh can have is not asked for.
        guard NameRules.violation(ofMesh: mesh) == nil, try await meshExists(mesh) else {
          return .failed(
            500,
            "\(ResourceType.mesh.kubernetesPlural).\(ResourceDocument.apiGroup) \(mesh.abridged().quoted) not found")
        }
        return try injected(pod, mesh: mesh)
      }
    } catch {
      return .failed(500, "\(error)")
    }
  }

  private static func warnings(about reason: InjectionDecision.Reason) -> [String] {
    switch reason {
    case .notWanted: []
    case .hostNetwork:
      [
        "the pod gets no sidecar: it uses the network of its node (hostNetwork), whose traffic would be redirected as a whole"
      ]
    case .notLinux: ["the pod gets no sidecar: sidecars run on Linux only"]
    }
  }

  private func injected(_ pod: PodDocument, mesh: String) throws(AnnotationError) -> AdmissionAnswer {
    let same = PodDocument.names(of: pod.containers, runningAs: settings.userID)
    guard same.isEmpty else {
      let names = same.map { $0.abridged().quoted }.joined(separator: " ")
      return .failed(500, "containers using same UID as sidecar is unsupported: [\(names)]")
    }
    if let taken = Self.takenName(in: pod) { return .failed(500, taken) }
    let sidecar = try SidecarContainer(of: pod, mesh: mesh, settings: settings)
    let injected = try InjectedAnnotations.of(pod, mesh: mesh, settings: settings)
    var annotations = pod.annotations
    for (annotation, value) in injected { annotations.values[annotation.rawValue] = value }
    let initContainer = try InitContainer(of: pod, annotations: annotations, settings: settings)
    var probes: [VirtualProbes.Change] = []
    if injected[.virtualProbes] == "enabled", let port = try annotations.port(.virtualProbesPort) {
      probes = try VirtualProbes.changes(of: pod.containers, port: port)
    }
    let patch =
      Self.patch(annotations: injected, of: pod) + probes.flatMap(Self.patch(of:))
      + Self.patch(sidecar, initContainer, of: pod, isInitContainer: settings.usesSidecarContainers)
    let warnings = InjectionWarnings(pod: pod, settings: settings).all(injected: injected, hasToken: sidecar.hasToken)
    return .allowed(patch: patch, warnings: AdmissionWarnings.bounded(warnings))
  }

  /// What is wrong with a pod that uses a name of what is added. Two of one name cannot be in a pod.
  private static func takenName(in pod: PodDocument) -> String? {
    func fault(_ kind: String, _ name: String) -> String {
      "\(kind) \(name.quoted) has the name of one that comes with the sidecar; rename it"
    }
    func has(_ name: String, _ items: [DocumentValue]) -> Bool { items.contains { $0["name"]?.string == name } }
    if let volume = temporaryVolumes.first(where: { has($0, pod.volumes) }) { return fault("volume", volume) }
    if has(InitContainer.name, pod.initContainers) { return fault("init container", InitContainer.name) }
    return has(InitContainer.name, pod.containers) ? fault("container", InitContainer.name) : nil
  }

  private static let temporaryVolumes = [InitContainer.temporaryVolume, SidecarContainer.temporaryVolume]

  // MARK: Patches

  private static func patch(annotations: [PodAnnotation: String], of pod: PodDocument) -> [JSONPatchOperation] {
    let path = ["metadata", "annotations"]
    let sorted = annotations.map { ($0.key.rawValue, $0.value) }.sorted { $0.0 < $1.0 }
    // Adding a map would replace what the user wrote.
    guard pod.object["metadata"]?["annotations"]?.object != nil else {
      let map = DocumentValue.Object(uniqueKeysWithValues: sorted.map { ($0, .string($1)) })
      return [.add(path, .object(map))]
    }
    return sorted.filter { pod.annotations[$0.0] != $0.1 }.map { .add(path + [$0.0], .string($0.1)) }
  }

  private static func patch(of change: VirtualProbes.Change) -> [JSONPatchOperation] {
    let path = ["spec", "containers", String(change.container), change.field, "httpGet"]
    return [
      .add(path + ["path"], .string(change.path)), .add(path + ["port"], .integer(Int64(change.port))),
    ]
  }

  /// The containers come last in a patch, because those of the pod have other indices after them.
  private static func patch(
    _ sidecar: SidecarContainer, _ initContainer: InitContainer, of pod: PodDocument, isInitContainer: Bool
  ) -> [JSONPatchOperation] {
    let volumes = temporaryVolumes.map { name -> DocumentValue in
      ["name": .string(name), "emptyDir": ["sizeLimit": "10M"]]
    }
    var patch = append(volumes, to: "volumes", of: pod)
    let sidecarDocument = DocumentValue.object(sidecar.document)
    let initDocument = DocumentValue.object(initContainer.document)
    if isInitContainer {
      patch += prepend([initDocument, sidecarDocument], to: "initContainers", of: pod)
    } else {
      patch +=
        initContainer.isFirst
        ? prepend([initDocument], to: "initContainers", of: pod) : append([initDocument], to: "initContainers", of: pod)
      patch += prepend([sidecarDocument], to: "containers", of: pod)
    }
    return patch
  }

  private static func append(_ items: [DocumentValue], to list: String, of pod: PodDocument) -> [JSONPatchOperation] {
    guard pod.spec[list]?.array != nil else { return [.add(["spec", list], .array(items))] }
    return items.map { .add(["spec", list, "-"], $0) }
  }

  private static func prepend(_ items: [DocumentValue], to list: String, of pod: PodDocument) -> [JSONPatchOperation] {
    guard pod.spec[list]?.array != nil else { return [.add(["spec", list], .array(items))] }
    return items.reversed().map { .add(["spec", list, "0"], $0) }
  }
}
