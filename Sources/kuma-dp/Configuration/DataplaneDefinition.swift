import MeshClient
import MeshModel

/// A Dataplane that a proxy brings along: the control plane keeps it as long as the proxy runs.
struct DataplaneDefinition: Sendable {
  /// The Dataplane, without a violation.
  let resource: Resource
  /// What its reader noticed without refusing it, each with the name of the source.
  let notices: [String]

  /// Reads a definition after variables have been filled in.
  ///
  /// - Parameters:
  ///   - source: the file or option that the text is from, for messages.
  ///   - variables: values by name; a dotted name nests.
  /// - Throws: ``LaunchFailure`` with the line and column of what cannot be read, or with every violation and its path.
  init(_ text: String, source: String, variables: [String: String]) throws(LaunchFailure) {
    var documents: [DocumentValue]
    do {
      let filled = try VariableTemplate.render(text, variables: variables)
      documents = try DocumentValue.yamlDocuments(filled).filter { $0 != .null }
    } catch {
      throw LaunchFailure(.badDataplane, "\(source): \(error)", cause: error)
    }
    guard let document = documents.popLast() else {
      throw LaunchFailure(.badDataplane, "\(source): it contains no Dataplane")
    }
    guard documents.isEmpty else {
      throw LaunchFailure(
        .badDataplane, "\(source): there are \(documents.count + 1) documents in it; a proxy has one Dataplane")
    }
    let read: ResourceDocument
    do {
      read = try ResourceDocument(document)
    } catch {
      throw LaunchFailure(.badDataplane, "\(source): \(error)", cause: error)
    }
    resource = read.resource
    guard resource.type == .dataplane else {
      throw LaunchFailure(.badDataplane, "\(source): it holds a \(resource.type.rawValue), not a Dataplane")
    }
    let violations = NameRules.violations(ofProxy: resource) + resource.violations()
    guard violations.isEmpty else {
      let lines = violations.map { "\n* \($0)" }.joined()
      throw LaunchFailure(.badDataplane, "\(source): the Dataplane is not valid:\(lines)")
    }
    notices = read.notices.messages.map { "\(source): \($0)" }
  }

  /// The port that the Dataplane asks for Envoy's administration interface; `nil` when it leaves the choice.
  var adminPort: UInt32? {
    guard let port = resource.content(Dataplane.self)?.networking?.adminPort, port != 0 else { return nil }
    return port
  }
}
