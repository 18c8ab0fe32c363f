package import Documents
import Foundation
package import MeshModel
import OrderedCollections

/// The answer to an ``AdmissionRequest``.
package struct AdmissionAnswer: Sendable, Hashable {
  /// The group and version of questions and answers.
  static let apiVersion = "admission.k8s.io/v1"
  /// The kind of questions and answers.
  static let kind = "AdmissionReview"

  /// Why an object is refused, as a `Status` of `v1`.
  package struct Refusal: Sendable, Hashable {
    /// The code; the API server passes it on to whoever asked it.
    package var code: Int
    /// The reason for programs, such as `Invalid`; `nil` for none, as Kuma's errors have none.
    package var reason: String?
    /// What is wrong.
    package var message: String
    /// The rules that the object breaks.
    package var violations: [Violation] = []
    /// The name of the object.
    package var name = ""
    /// The kind of the object.
    package var kind = ""
  }

  /// Why the object is refused; `nil` when it is allowed.
  package var refusal: Refusal?
  /// What is to be changed in the object.
  package var patch: [JSONPatchOperation]
  /// What kubectl prints as warnings.
  package var warnings: [String]

  /// The object may be stored or deleted.
  package static func allowed(
    patch: [JSONPatchOperation] = [], warnings: [String] = []
  ) -> AdmissionAnswer {
    AdmissionAnswer(refusal: nil, patch: patch, warnings: warnings)
  }

  /// The question could not be answered: the object cannot be read, or something cannot be looked up.
  package static func failed(_ code: Int, _ message: String) -> AdmissionAnswer {
    AdmissionAnswer(
      refusal: Refusal(code: code, message: Redaction.masked(text: message.abridged(to: 2_000))), patch: [],
      warnings: [])
  }

  /// The object breaks rules.
  static func invalid(
    _ violations: [Violation], _ request: AdmissionRequest, warnings: [String] = []
  ) -> AdmissionAnswer {
    let shown = bounded(violations)
    let refusal = Refusal(
      code: 422, reason: "Invalid", message: shown.map(\.description).joined(separator: "; "), violations: shown,
      name: request.displayName, kind: request.kind)
    return AdmissionAnswer(refusal: refusal, patch: [], warnings: warnings)
  }

  /// How many violations are named, and how long each may be. The API server does not take answers of any size.
  private static let limits = (violations: 100, text: 1_000)

  private static func bounded(_ violations: [Violation]) -> [Violation] {
    let rest = violations.count - min(violations.count, limits.violations)
    let shown = violations.prefix(limits.violations).map {
      Violation(
        field: $0.field.abridged(to: limits.text), message: Redaction.masked(text: $0.message.abridged(to: limits.text))
      )
    }
    guard rest > 0, let last = shown.last else { return shown }
    return shown + [Violation(field: last.field, message: "and \(rest) more violations")]
  }

  /// The answer as an AdmissionReview.
  package func review(uid: String) -> DocumentValue {
    var response: DocumentValue.Object = ["uid": .string(uid), "allowed": .bool(refusal == nil)]
    if let refusal { response["status"] = refusal.status }
    if refusal == nil, !patch.isEmpty {
      let text = DocumentValue.array(patch.map(\.document)).json()
      response["patchType"] = "JSONPatch"
      response["patch"] = .string(Data(text.utf8).base64EncodedString())
    }
    if !warnings.isEmpty { response["warnings"] = .array(warnings.map(DocumentValue.string)) }
    return ["apiVersion": .string(Self.apiVersion), "kind": .string(Self.kind), "response": .object(response)]
  }
}

extension AdmissionAnswer.Refusal {
  /// The type of every cause. Source: Kuma 2.7.
  private static let causeType: DocumentValue = "FieldValueInvalid"

  /// The refusal as a `Status`. The type of a cause stands under the key `reason`; the API server drops a key `type`.
  fileprivate var status: DocumentValue {
    var status: DocumentValue.Object = [
      "status": "Failure", "code": .integer(Int64(code)), "message": .string(message),
    ]
    if let reason { status["reason"] = .string(reason) }
    guard !violations.isEmpty else { return .object(status) }
    let causes = violations.map { violation -> DocumentValue in
      ["reason": Self.causeType, "message": .string(violation.message), "field": .string(violation.field)]
    }
    status["details"] = ["name": .string(name), "kind": .string(kind), "causes": .array(causes)]
    return .object(status)
  }
}
