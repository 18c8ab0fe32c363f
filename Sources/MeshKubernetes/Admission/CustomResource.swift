import Documents
import MeshModel
import OrderedCollections

/// A custom resource of a request, read and checked.
struct CustomResource {
  /// The resource.
  let resource: Resource
  /// The fields that are ignored.
  let notices: [FieldNotice]

  /// Reads the object of a request.
  ///
  /// - Throws: ``DocumentError`` that names the field.
  init(_ request: AdmissionRequest) throws(DocumentError) {
    let document = try Self.read(request.object)
    var resource = document.resource
    // A name may be made up by the API server later, and the namespace stands in the request alone.
    let isNamespaced = resource.type.isNamespacedInKubernetes && !request.namespace.isEmpty
    resource.key.name = request.displayName + (isNamespaced ? ".\(request.namespace)" : "")
    self.resource = resource
    notices = document.notices
  }

  private static func read(_ object: DocumentValue.Object) throws(DocumentError) -> ResourceDocument {
    var document = try ResourceDocument(.object(object))
    // There is no default mesh in a cluster.
    if document.resource.type.isMeshScoped { document.resource.key.mesh = object["mesh"]?.string ?? "" }
    return document
  }

  /// The rules that the object breaks, with paths from its root. As in Kuma, those of its identity hide those of its
  /// specification, and these hide those that concern its earlier form.
  func violations(_ request: AdmissionRequest) -> [Violation] {
    let type = resource.type
    if let violation = ResourceOrigin.violation(in: resource.labels) { return [violation] }
    if type.isMeshScoped, let violation = NameRules.violation(ofMesh: resource.mesh) { return [violation] }
    var violations = resource.violations()
    // A review cannot put back what is stored, so a document that was read from the HTTP API needs its secrets again.
    if violations.isEmpty { violations = resource.restored(from: nil).lost }
    if violations.isEmpty {
      switch request.operation {
      case .create where type == .mesh: violations = NameRules.violations(ofNewMeshName: resource.name)
      case .update:
        // What was stored before the rules were checked must not keep anybody from mending it.
        guard let old = request.oldObject, let before = try? Self.read(old) else { break }
        violations = resource.violations(replacing: before.resource)
      default: break
      }
    }
    // The prefix is Kuma's, also where the field is the name of the mesh.
    return violations.map { Violation(field: "spec.\($0.field)", message: $0.message) }
  }
}

/// Where a resource was written first, in a deployment of several zones. Source: Kuma 2.7.
enum ResourceOrigin: String {
  /// In the global control plane, from which it was copied.
  case global
  /// In this zone.
  case zone

  /// The label that says so.
  static let label = "kuma.io/origin"

  /// What the label of an object says; `nil` when there is none, or it is not valid.
  init?(of object: DocumentValue.Object) {
    guard let text = object["metadata"]?["labels"]?[Self.label]?.string else { return nil }
    self.init(rawValue: text)
  }

  /// What is wrong with the label.
  static func violation(in labels: [String: String]) -> Violation? {
    guard let text = labels[label], Self(rawValue: text) == nil else { return nil }
    return Violation(field: "labels[\(label.quoted)]", message: "unknown resource origin \(text.quoted)")
  }
}
