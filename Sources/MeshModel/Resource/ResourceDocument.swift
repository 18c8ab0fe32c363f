public import OrderedCollections

/// A resource as it was read from a document, with what the reader noticed.
public struct ResourceDocument: Sendable {
  /// The two spellings of a resource.
  public enum Form: String, Sendable, CaseIterable {
    /// Flat: `type`, `mesh`, `name`, and the specification's keys beside them.
    case universal
    /// `apiVersion`, `kind`, `mesh`, `metadata`, `spec`.
    case kubernetes
  }

  /// The resource. Its times are those of the document, which a store ignores.
  public var resource: Resource
  /// The spelling in which it was given.
  public var form: Form
  /// Fields that are not known and were ignored, with paths from the document's root.
  public var notices: [FieldNotice]

  /// The API group of the Kubernetes form.
  public static let apiGroup = "kuma.io"
  /// The API group and version of the Kubernetes form.
  public static let apiVersion = "\(apiGroup)/v1alpha1"

  /// Reads a resource from a document in either form.
  ///
  /// - Throws: ``DocumentError`` when the type is missing or unknown, or a field is of the wrong kind.
  public init(_ document: DocumentValue) throws(DocumentError) {
    let hasKind = document["kind"] != nil || document["apiVersion"] != nil
    if hasKind, document["type"] == nil || SecretObject.isForm(of: document) {
      try self.init(kubernetes: document)
    } else {
      try self.init(universal: document)
    }
  }

  /// Reads every resource of a YAML or JSON text. Empty documents are skipped.
  ///
  /// - Throws: ``DocumentError``; nothing of the text counts when one document is bad.
  public static func all(in text: String) throws(DocumentError) -> [ResourceDocument] {
    var documents: [ResourceDocument] = []
    for value in try DocumentValue.yamlDocuments(text) where value != .null {
      documents.append(try ResourceDocument(value))
    }
    return documents
  }

  /// The keys of the Universal form that carry identity rather than specification.
  static let identityKeys = ["type", "mesh", "name", "creationTime", "modificationTime", "labels"]

  private init(universal document: DocumentValue) throws(DocumentError) {
    var reader = try ObjectReader(document, path: "")
    let type = try Self.type(named: try reader.string("type"))
    let mesh = try reader.string("mesh") ?? ""
    let name = try reader.string("name") ?? ""
    let created = try Self.time(&reader, "creationTime")
    let modified = try Self.time(&reader, "modificationTime")
    let labels = try reader.stringMap("labels") ?? [:]
    guard case .object(var object) = document else {
      throw ObjectReader.wrongKind(document, path: "", expected: "an object")
    }
    for key in Self.identityKeys { object[key] = nil }
    let (spec, notices) = try ResourceSpec.read(type, .object(object))
    self.init(
      resource: Resource(
        mesh: mesh, name: name, spec: spec, labels: labels, creationTime: created, modificationTime: modified),
      form: .universal, notices: notices)
  }

  init(resource: Resource, form: Form, notices: [FieldNotice]) {
    self.resource = resource
    self.form = form
    self.notices = notices
  }

  static func type(named name: String?) throws(DocumentError) -> ResourceType {
    guard let type = ResourceType(rawValue: name ?? "") else {
      throw DocumentError(code: .unknownType, message: "invalid resource type \"\(name ?? "")\"")
    }
    return type
  }

  static func time(_ reader: inout ObjectReader, _ name: String) throws(DocumentError) -> Timestamp? {
    guard let text = try reader.string(name) else { return nil }
    guard let time = Timestamp(text) else {
      throw ObjectReader.wrongKind(.string(text), path: reader.join(name), expected: "a time as in RFC 3339")
    }
    return time
  }
}

extension Resource {
  /// The resource in one of its two forms, keys in the order in which Kuma's API gives them.
  public func document(_ form: ResourceDocument.Form = .universal) -> DocumentValue {
    switch form {
    case .universal: .object(metaDocument.merging(spec.content.document) { identity, _ in identity })
    case .kubernetes: .object(kubernetesDocument)
    }
  }

  /// The identity alone, in Universal form: type, mesh, name, times, labels.
  public var metaDocument: DocumentValue.Object {
    var object: DocumentValue.Object = ["type": .string(type.rawValue)]
    if type.isMeshScoped { object["mesh"] = .string(mesh) }
    object["name"] = .string(name)
    if let creationTime { object["creationTime"] = .string(creationTime.description) }
    if let modificationTime { object["modificationTime"] = .string(modificationTime.description) }
    if !labels.isEmpty { object["labels"] = .tags(labels) }
    return object
  }
}
