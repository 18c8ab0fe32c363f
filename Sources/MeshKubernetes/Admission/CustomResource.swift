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
  init(_ request: AdmissionRequest, _ type: ResourceType) throws(DocumentError) {
    let (resource, notices) = try Self.read(request.object, request, type)
    self.resource = resource
    self.notices = notices
  }

  private static func read(
    _ object: DocumentValue.Object, _ request: AdmissionRequest, _ type: ResourceType
  ) throws(DocumentError) -> (Resource, [FieldNotice]) {
    var object = object
    let payload = object.removeValue(forKey: type.kubernetesPayloadKey) ?? .null
    let spec: (spec: ResourceSpec, notices: [FieldNotice])
    do throws(DocumentError) {
      guard payload.object != nil || payload == .null else {
        throw ObjectReader.wrongKind(payload, path: "", expected: "an object")
      }
      spec = try ResourceSpec.read(type, payload)
    } catch {
      // The document of the specification stands under a key of the object.
      let prefix = type.kubernetesPayloadKey
      let message = error.message
      let whole = "the document"
      throw DocumentError(
        code: error.code,
        message: message.hasPrefix(whole) ? prefix + message.dropFirst(whole.count) : "\(prefix).\(message)")
    }
    var reader = try ObjectReader(.object(object), path: "")
    let mesh = try reader.string("mesh") ?? ""
    var labels: [String: String] = [:]
    if let value = reader.value("metadata") {
      var metadata = try ObjectReader(value, path: "metadata")
      labels = try metadata.stringMap("labels") ?? [:]
    }
    let suffix = type.isNamespacedInKubernetes && !request.namespace.isEmpty ? ".\(request.namespace)" : ""
    let resource = Resource(mesh: mesh, name: request.displayName + suffix, spec: spec.spec, labels: labels)
    return (resource, spec.notices.map { $0.inside(type.kubernetesPayloadKey) })
  }

  /// The rules that the object breaks, with paths from its root. As in Kuma, those of its identity hide those of its
  /// specification, and these hide those that concern its earlier form.
  func violations(_ request: AdmissionRequest) -> [Violation] {
    let type = resource.type
    if let violation = ResourceOrigin.violation(in: resource.labels) { return [violation] }
    if type.isMeshScoped, let violation = NameRules.violation(ofMesh: resource.mesh) { return [violation] }
    var violations = resource.violations()
    if violations.isEmpty {
      switch request.operation {
      case .create where type == .mesh: violations = NameRules.violations(ofNewMeshName: resource.name)
      case .update:
        // What was stored before the rules were checked must not keep anybody from mending it.
        guard let old = request.oldObject, let (before, _) = try? Self.read(old, request, type) else { break }
        violations = resource.violations(replacing: before)
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
