import MeshModel
import OrderedCollections

/// How resources are printed.
enum OutputFormat: String, CaseIterable {
  case table
  case yaml
  case json

  init(named name: String) throws {
    guard let format = OutputFormat(rawValue: name) else {
      throw CommandFailure("unknown output format \(name.quoted)")
    }
    self = format
  }

  /// A document as text; the table format falls back to YAML.
  ///
  /// - Parameter sortKeys: whether YAML keys are sorted; JSON keeps their order.
  func text(_ document: DocumentValue, sortKeys: Bool = true) -> String {
    switch self {
    case .json: document.json(.indented(2)) + "\n"
    case .table, .yaml: document.yaml(sortKeys: sortKeys)
    }
  }

  /// A resource as text; in YAML, its identity precedes its specification.
  func text(_ resource: Resource) -> String {
    switch self {
    case .json: return text(resource.document())
    case .table, .yaml:
      let identity = DocumentValue.object(resource.metaDocument).sortedByKey().object ?? [:]
      let content = DocumentValue.object(resource.spec.content.document).sortedByKey().object ?? [:]
      return DocumentValue.object(identity.merging(content) { identity, _ in identity }).yaml(sortKeys: false)
    }
  }

  /// A list of documents; as in Kuma's command line, `next` is always null.
  func text(list items: [DocumentValue], total: Int) -> String {
    text(["total": .integer(Int64(total)), "items": .array(items), "next": .null])
  }
}
