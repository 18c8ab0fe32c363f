import MeshClient
import MeshModel
import OrderedCollections

/// Parsed and valid resources, to be written one after the other.
struct ResourceBatch {
  /// A resource with the notices of its parser.
  struct Item {
    let resource: Resource
    let notices: [String]

    /// The resource as a dry run shows it, with the times of an unstored resource. Source: Kuma 2.7.
    var neverStored: Resource {
      var resource = resource
      resource.creationTime = Timestamp(seconds: -62_135_596_800)
      resource.modificationTime = resource.creationTime
      return resource
    }

    /// The notices of this program and of the control plane, without duplicates. The control plane names a field by its path
    /// in the Universal form.
    func warnings(with others: [String]) -> [String] {
      notices.filter { notice in
        !others.contains(notice.hasPrefix("spec.") ? String(notice.dropFirst(5)) : notice)
      } + others
    }
  }

  private(set) var items: [Item] = []

  /// The warning about names that only old resources may have.
  var nameWarnings: [String] { items.compactMap { NameRules.warning(ofName: $0.resource.name) } }

  /// Parses the documents of a text.
  ///
  /// - Parameter variables: the variables to fill in; without any, the text is not treated as a template.
  mutating func add(_ text: String, variables: [String: String]) throws {
    var text = text
    if !variables.isEmpty {
      do {
        text = try VariableTemplate.render(text, variables: variables)
      } catch {
        throw Self.invalid("\(error)")
      }
    }
    var documents: [DocumentValue]
    do {
      documents = try DocumentValue.yamlDocuments(text)
    } catch {
      throw Self.invalid("invalid meta type: \"\(error)\"")
    }
    // Empty documents between separators are common, also in concatenated files. A text that contains only comments is a
    // mistake.
    documents.removeAll { $0 == .null }
    if documents.isEmpty, !text.isEmpty { documents = [.null] }
    for document in documents { items.append(try Self.item(document)) }
  }

  private static func item(_ document: DocumentValue) throws -> Item {
    if case .object = document {
    } else if document != .null {
      throw invalid("invalid meta type: \"the document has to be an object, not \(document.kind)\"")
    }
    let read: ResourceDocument
    do {
      read = try ResourceDocument(document == .null ? [:] : document)
    } catch {
      guard error.code != .unknownType else { throw invalid(error.message) }
      let type = document["type"]?.string ?? document["kind"]?.string ?? "resource"
      throw invalid("invalid \(type) object: \"\(error)\"")
    }
    let resource = read.resource
    guard resource.type.isUserWritten else { throw invalid("invalid resource type \"\(resource.type.rawValue)\"") }
    let violations = resource.violations()
    guard violations.isEmpty else { throw invalid(text(violations)) }
    let identity = NameRules.violations(ofIdentityOf: resource)
    guard identity.isEmpty else { throw CommandFailure(text(identity)) }
    return Item(resource: resource, notices: read.notices.messages)
  }

  private static func text(_ violations: [Violation]) -> String {
    violations.map(\.description).joined(separator: "; ")
  }

  private static func invalid(_ reason: String) -> CommandFailure {
    CommandFailure("YAML contains invalid resource: \(reason)")
  }
}
