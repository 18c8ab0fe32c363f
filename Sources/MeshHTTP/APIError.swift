package import HTTPService
package import HTTPTypes
import MeshModel
import MeshStore
import OrderedCollections

/// Why a request failed, with the fields of Kuma's error bodies.
struct APIError: Error, Sendable {
  /// The status.
  var status: HTTPResponse.Status
  /// The operation that failed.
  var title: String
  /// What is wrong.
  var detail: String
  /// The violated rules.
  var violations: [Violation] = []
  /// Whether the document is nested too deeply, or has too many values.
  var exceedsDocumentBound = false

  /// Something does not exist.
  static func notFound(_ title: String) -> APIError { APIError(status: .notFound, title: title, detail: "Not found") }

  /// A resource or a parameter violates rules.
  static func invalid(
    _ violations: [Violation], title: String, detail: String = "Resource is not valid"
  ) -> APIError {
    APIError(status: .badRequest, title: title, detail: detail, violations: violations)
  }

  /// A body cannot be parsed as a resource.
  static func unreadable(_ type: ResourceType, _ error: DocumentError) -> APIError {
    let quoted = DocumentValue.string(error.description).json()
    return .unreadable(error, detail: "invalid \(type.rawValue) object: \(quoted)")
  }

  /// A body cannot be parsed.
  static func unreadable(_ error: DocumentError, detail: String? = nil) -> APIError {
    var refusal = APIError(status: .badRequest, title: "Bad Request", detail: detail ?? error.description)
    refusal.exceedsDocumentBound = error.code == .tooLarge
    return refusal
  }

  /// Converts a failure of the store.
  init(_ error: StoreError, title: String, mesh: String) {
    switch error.code {
    case .notFound: self = .notFound(title)
    case .meshNotFound:
      let violation = Violation(field: "mesh", message: "mesh of name \(mesh) is not found")
      self = .invalid([violation], title: title, detail: "Mesh is not found")
    case .meshInUse:
      self = .invalid([.meshInUse], title: title)
    case .conflict:
      self.init(
        status: .conflict, title: "Conflict",
        detail: "The resource was written by somebody else at the same time; send the request again.")
    case .full:
      self.init(
        status: HTTPResponse.Status(code: 507, reasonPhrase: "Insufficient Storage"), title: title,
        detail: error.message)
    case .unavailable:
      self.init(status: .serviceUnavailable, title: title, detail: error.message)
    }
  }

  init(status: HTTPResponse.Status, title: String, detail: String, violations: [Violation] = []) {
    self.status = status
    self.title = title
    self.detail = detail
    self.violations = violations
  }

  /// The body. It has the keys of older clients (`details`, `causes`) as well as the newer ones. Source: Kuma 2.7.
  var document: DocumentValue {
    // Reasons quote what was given.
    let detail = Redaction.masked(text: detail)
    let violations = violations.map { Violation(field: $0.field, message: Redaction.masked(text: $0.message)) }
    var object: DocumentValue.Object = [
      "type": "/std-errors", "status": .integer(Int64(status.code)), "title": .string(title),
      "detail": .string(detail),
    ]
    if !violations.isEmpty {
      object["invalid_parameters"] = .array(
        violations.map { ["field": .string($0.field), "reason": .string($0.message)] })
    }
    object["details"] = .string(detail)
    if !violations.isEmpty {
      object["causes"] = .array(violations.map { ["field": .string($0.field), "message": .string($0.message)] })
    }
    return .object(object)
  }

  /// The answer.
  var answer: Answer {
    var answer = Answer.json(document, status)
    answer.exceedsDocumentBound = exceedsDocumentBound
    return answer
  }
}

extension MeshAPI {
  /// The answer to a request that does not reach the API, in the API's form of errors.
  package static func refusal(_ status: HTTPResponse.Status, title: String, detail: String) -> Answer {
    APIError(status: status, title: title, detail: detail).answer
  }
}

extension Answer {
  /// A JSON document, indented by one space as in Kuma.
  static func json(_ document: DocumentValue, _ status: HTTPResponse.Status = .ok) -> Answer {
    .text(document.json(.indented(1)) + "\n", status, type: MediaType.json)
  }
}
