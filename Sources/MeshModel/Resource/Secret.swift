public import OrderedCollections

/// What is kept secret of a mesh: a key, a token, a password.
///
/// Its data never appears in text: neither in descriptions nor in dumps.
public struct Secret: Sendable, Hashable {
  /// The bytes; empty where they are not known, as in answers of the API.
  public var data: [UInt8]

  /// Makes a secret.
  public init(data: [UInt8]) { self.data = data }
}

/// What is kept secret of the control plane; like ``Secret``, but of no mesh.
public struct GlobalSecret: Sendable, Hashable {
  /// The bytes; empty where they are not known, as in answers of the API.
  public var data: [UInt8]

  /// Makes a secret.
  public init(data: [UInt8]) { self.data = data }
}

extension Resource {
  /// Makes a secret of a mesh.
  public static func secret(
    mesh: String, name: String, data: [UInt8], labels: [String: String] = [:]
  ) -> Resource {
    Resource(mesh: mesh, name: name, spec: .secret(Secret(data: data)), labels: labels)
  }

  /// Makes a secret of the control plane.
  public static func globalSecret(name: String, data: [UInt8], labels: [String: String] = [:]) -> Resource {
    Resource(name: name, spec: .globalSecret(GlobalSecret(data: data)), labels: labels)
  }

  /// The data of a secret, be it of a mesh or of the control plane; `nil` for other resources.
  public var secretData: [UInt8]? {
    switch spec {
    case .secret(let secret): secret.data
    case .globalSecret(let secret): secret.data
    case .mesh, .trafficTrace, .dataplane, .dataplaneInsight: nil
    }
  }
}

extension Secret: ResourceContent {
  /// The kind of resource.
  public static var type: ResourceType { .secret }
  /// The content as a specification.
  public var spec: ResourceSpec { .secret(self) }

  /// Takes a secret out of a specification.
  public static func extract(from spec: ResourceSpec) -> Secret? {
    if case .secret(let content) = spec { content } else { nil }
  }

  /// Reads a secret.
  public static func read(_ document: DocumentValue) throws(DocumentError) -> (content: Secret, notices: [FieldNotice])
  {
    let (data, notices) = try SecretData.read(document)
    return (Secret(data: data), notices)
  }

  /// The secret in document form, with its data. Only a store, and whoever writes the secret, may see it.
  public var document: DocumentValue.Object { SecretData.document(data) }
}

extension GlobalSecret: ResourceContent {
  /// The kind of resource.
  public static var type: ResourceType { .globalSecret }
  /// The content as a specification.
  public var spec: ResourceSpec { .globalSecret(self) }

  /// Takes a secret out of a specification.
  public static func extract(from spec: ResourceSpec) -> GlobalSecret? {
    if case .globalSecret(let content) = spec { content } else { nil }
  }

  /// Reads a secret.
  public static func read(_ document: DocumentValue) throws(DocumentError)
    -> (content: GlobalSecret, notices: [FieldNotice])
  {
    let (data, notices) = try SecretData.read(document)
    return (GlobalSecret(data: data), notices)
  }

  /// The secret in document form, with its data. Only a store, and whoever writes the secret, may see it.
  public var document: DocumentValue.Object { SecretData.document(data) }
}

/// The field `data` of secrets. Its messages never contain its value.
enum SecretData {
  /// The name of the field.
  static let field = "data"

  static func read(_ document: DocumentValue) throws(DocumentError) -> (data: [UInt8], notices: [FieldNotice]) {
    var reader = try ObjectReader(document, path: "")
    let text = try reader.string(field) ?? ""
    guard let data = Base64.decode(text) else {
      throw DocumentError(code: .wrongKind, message: "\(field) has to be text in base64; encode it: base64 -w0 FILE")
    }
    return (data, reader.notices())
  }

  static func document(_ data: [UInt8]) -> DocumentValue.Object {
    data.isEmpty ? [:] : [field: .string(Base64.encode(data))]
  }
}

// Whatever prints a secret, a log or the report of a failed test, gets no byte of it.
extension Secret: CustomStringConvertible, CustomReflectable {
  /// The kind alone.
  public var description: String { "Secret(data: ***)" }
  /// No children.
  public var customMirror: Mirror { Mirror(self, children: []) }
}

extension GlobalSecret: CustomStringConvertible, CustomReflectable {
  /// The kind alone.
  public var description: String { "GlobalSecret(data: ***)" }
  /// No children.
  public var customMirror: Mirror { Mirror(self, children: []) }
}
