import OrderedCollections

/// Secrets in Kubernetes: objects of its own kind Secret, whose type says what they are. Source: Kuma 2.7.
enum SecretObject {
  /// The `apiVersion` of the objects.
  static let apiVersion = "v1"
  /// The `kind` of the objects.
  static let kind = "Secret"
  /// The label that names the mesh of a secret.
  static let meshLabel = "kuma.io/mesh"
  /// The key under `data` with the bytes in base64.
  static let valueKey = "value"

  /// Whether a document is in this form. Unlike other documents of Kubernetes, it has a key `type`, as the Universal form has.
  static func isForm(of document: DocumentValue) -> Bool {
    document["kind"]?.string == kind && document["apiVersion"]?.string == apiVersion
  }

  /// The type of resource for the field `type` of an object.
  static func type(named name: String?) throws(DocumentError) -> ResourceType {
    guard
      let type = ResourceType.allCases.first(where: {
        $0.kubernetesSecretType != nil && $0.kubernetesSecretType == name
      })
    else {
      let known = ResourceType.allCases.compactMap(\.kubernetesSecretType).joined(separator: " or ")
      throw DocumentError(
        code: .unknownType, message: "type of a Secret has to be \(known), not \((name ?? "").abridged().quoted)")
    }
    return type
  }

  /// The mesh of an object: without a label it is "default".
  static func mesh(of type: ResourceType, labels: [String: String]) -> String {
    guard type.isMeshScoped else { return "" }
    let mesh = labels[meshLabel] ?? ""
    return mesh.isEmpty ? "default" : mesh
  }

  /// Reads the bytes of an object. `stringData` is what users may write instead; the API server never gives it.
  static func read(
    _ type: ResourceType, _ reader: inout ObjectReader
  ) throws(DocumentError) -> (spec: ResourceSpec, notices: [FieldNotice]) {
    var bytes: [UInt8] = []
    var notices: [FieldNotice] = []
    if let value = reader.value("data") {
      var data = try ObjectReader(value, path: "data")
      guard let decoded = Base64.decode(try data.string(valueKey) ?? "") else {
        throw DocumentError(code: .wrongKind, message: "data.\(valueKey) has to be text in base64")
      }
      bytes = decoded
      notices += data.notices()
    }
    if let value = reader.value("stringData") {
      var data = try ObjectReader(value, path: "stringData")
      if let text = try data.string(valueKey) { bytes = Array(text.utf8) }
      notices += data.notices()
    }
    return (type == .secret ? .secret(Secret(data: bytes)) : .globalSecret(GlobalSecret(data: bytes)), notices)
  }
}

extension Resource {
  /// The labels of the object that holds a secret.
  var secretLabels: [String: String] {
    type.isMeshScoped ? labels.merging([SecretObject.meshLabel: mesh]) { $1 } : labels
  }

  /// Puts the bytes of a secret into its object, and keeps the other keys that are there.
  func setSecretData(of object: inout DocumentValue.Object) {
    var data = object["data"]?.object ?? [:]
    if let bytes = secretData, !bytes.isEmpty { data[SecretObject.valueKey] = .string(Base64.encode(bytes)) }
    object["data"] = data.isEmpty ? nil : .object(data)
  }
}
