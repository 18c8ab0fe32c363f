import Documents
import MeshModel
import OrderedCollections

/// The rules of the Secrets in which Kuma keeps keys and certificates of meshes. Other Secrets are left alone. Source: Kuma 2.7.
enum SecretReview {
  /// The label that names the mesh of a Secret; the mesh is "default" without it.
  private static let meshLabel = "kuma.io/mesh"

  static func answer(to request: AdmissionRequest) -> AdmissionAnswer {
    guard request.operation != .delete else { return .allowed() }
    let labels = request.object["metadata"]?["labels"]
    let label = "metadata.labels[\(meshLabel.quoted)]"
    var violations: [Violation] = []
    switch request.object["type"]?.string {
    case "system.kuma.io/secret":
      if let old = request.oldObject, mesh(of: old) != mesh(of: request.object) {
        violations.append(
          Violation(
            field: label, message: "cannot change mesh of the Secret. Delete the Secret first and apply it again."))
      }
    case "system.kuma.io/global-secret":
      if labels?[meshLabel] != nil {
        violations.append(Violation(field: label, message: "mesh cannot be set on global secret"))
      }
    default: return .allowed()
    }
    if (request.object["data"]?["value"]?.string ?? "").isEmpty {
      violations.append(Violation(field: "data.value", message: "cannot be empty."))
    }
    return violations.isEmpty ? .allowed() : .invalid(violations, request)
  }

  private static func mesh(of secret: DocumentValue.Object) -> String {
    let name = secret["metadata"]?["labels"]?[meshLabel]?.string ?? ""
    return name.isEmpty ? "default" : name
  }
}
