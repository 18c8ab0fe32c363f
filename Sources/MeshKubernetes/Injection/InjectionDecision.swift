import Documents
import OrderedCollections

/// Whether a pod gets a sidecar, and in which mesh. Source: Kuma 2.7, and the exceptions that ``Reason`` names.
enum InjectionDecision: Hashable {
  /// Why a pod gets none, where that is to be told.
  enum Reason: Hashable {
    /// Nobody wants one, or there is one.
    case notWanted
    /// The pod has no network of its own, so redirection would change the traffic of the whole node.
    case hostNetwork
    /// The sidecar runs on Linux only.
    case notLinux
  }

  case inject(mesh: String)
  case skip(Reason)

  /// The name of the mesh where nobody names one.
  static let defaultMesh = "default"
  /// The name of the sidecar's container.
  static let sidecarName = "kuma-sidecar"

  /// Decides about a pod.
  ///
  /// - Parameter namespace: labels and annotations of its namespace.
  static func decide(
    _ pod: PodDocument, in namespace: NamespaceFacts, exceptions: [String: String]
  ) throws(AnnotationError) -> InjectionDecision {
    let labels = pod.labels
    let isException = exceptions.contains { label, value in
      labels[label].map { value == "*" || value == $0 } ?? false
    }
    let hasSidecar = (pod.containers + pod.initContainers).contains { $0["name"]?.string == sidecarName }
    guard !isException, !hasSidecar else { return .skip(.notWanted) }
    let key = MeshLabel.sidecarInjection.rawValue
    var wish = try labels.boolean(key)
    if wish == nil { wish = try namespace.labels.boolean(key) }
    guard wish == true else { return .skip(.notWanted) }
    if pod.spec["hostNetwork"]?.bool == true { return .skip(.hostNetwork) }
    let system =
      pod.spec["os"]?["name"]?.string ?? pod.spec["nodeSelector"]?["kubernetes.io/os"]?.string ?? "linux"
    guard system == "linux" else { return .skip(.notLinux) }
    return .inject(mesh: mesh(of: pod, in: namespace))
  }

  /// The mesh of a pod.
  private static func mesh(of pod: PodDocument, in namespace: NamespaceFacts) -> String {
    for annotations in [pod.annotations, namespace.annotations] {
      if let mesh = annotations[.mesh], !mesh.isEmpty { return mesh }
    }
    return defaultMesh
  }
}
