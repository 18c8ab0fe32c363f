import HTTPService
import HTTPTypes
import MeshModel
import OrderedCollections

extension ResourceRoutes {
  /// Creates or replaces a resource.
  func write(_ request: RoutedRequest) async throws(APIError) -> Answer {
    let key = key(request)
    let writer = context.writer
    if type.isMeshScoped { try await writer.requireMesh(key.mesh) }
    let outcome = try await writer.write(ResourceBody(request.body, type: type), to: key)
    let status: HTTPResponse.Status = outcome.created ? .created : .ok
    return outcome.warnings.isEmpty ? Answer(status) : .json(.warnings(outcome.warnings), status)
  }
}

/// The body of a write.
struct ResourceBody: Sendable {
  /// The type in the body; empty when there is none.
  var type: String
  /// The resource, parsed as the type in the path.
  var resource: Resource
  /// Fields that were ignored.
  var notices: [FieldNotice]

  /// Parses a body in Universal form.
  init(_ bytes: [UInt8], type: ResourceType) throws(APIError) {
    let value: DocumentValue
    do throws(DocumentError) {
      guard !bytes.isEmpty else { throw DocumentError(code: .syntax, message: "the body is empty") }
      value = try DocumentValue(json: bytes)
    } catch {
      throw .unreadable(type, error)
    }
    try self.init(value == .null ? [:] : value, type: type)
  }

  /// Parses a document in Universal form.
  init(_ value: DocumentValue, type: ResourceType) throws(APIError) {
    do throws(DocumentError) {
      guard case .object(var object) = value else {
        throw DocumentError(code: .wrongKind, message: "the document has to be an object, not \(value.kind)")
      }
      switch object["type"] {
      case .string(let name): self.type = name
      case .null, nil: self.type = ""
      case let other?: throw DocumentError(code: .wrongKind, message: "type has to be text, not \(other.kind)")
      }
      object["type"] = .string(type.rawValue)
      let document = try ResourceDocument(.object(object))
      resource = document.resource
      notices = document.notices
    } catch {
      throw .unreadable(type, error)
    }
  }
}

extension DocumentValue {
  /// Warnings as the body of an answer.
  static func warnings(_ warnings: [String]) -> DocumentValue {
    ["warnings": .array(warnings.map { .string(Redaction.masked(text: $0)) })]
  }
}
