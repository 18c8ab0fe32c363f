import MeshClient
import MeshModel
import OrderedCollections

/// Resources that were read and found to be in order, ready to be written one after the other.
struct ResourceBatch {
  /// A resource and what its reader noticed.
  struct Item {
    let resource: Resource
    let notices: [String]

    /// The resource with the times of one that was never stored, as a dry run shows it. Source: Kuma 2.7.
    var neverStored: Resource {
      var resource = resource
      resource.creationTime = Timestamp(seconds: -62_135_596_800)
      resource.modificationTime = resource.creationTime
      return resource
    }

    /// What was noticed of the resource, here and by the control plane, each thing once. The control plane knows a field by
    /// its path in the Universal form.
    func warnings(with others: [String]) -> [String] {
      notices.filter { notice in
        !others.contains(notice.hasPrefix("spec.") ? String(notice.dropFirst(5)) : notice)
      } + others
    }
  }

  private(set) var items: [Item] = []

  /// What is to be said of names that only old resources may have.
  var nameWarnings: [String] { items.compactMap { NameRules.warning(ofName: $0.resource.name) } }

  /// Reads the documents of a text.
  ///
  /// - Parameter variables: what is filled in; the text stays as it is when there are none.
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
    // Separators with nothing between are a common habit, also of programs that put files one behind the other. Text
    // with nothing in it but comments is a mistake.
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
