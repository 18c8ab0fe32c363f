package import Documents
import OrderedCollections

/// A question of the API server: whether it may store or delete an object. It is the `request` of an AdmissionReview,
/// `admission.k8s.io/v1`.
package struct AdmissionRequest: Sendable {
  /// What is to be done with the object.
  package enum Operation: String, Sendable {
    case create = "CREATE"
    case update = "UPDATE"
    case delete = "DELETE"
    case connect = "CONNECT"
  }

  /// The id of the question, which the answer repeats.
  package var uid: String
  /// The kind of the object, such as `TrafficTrace`.
  package var kind: String
  /// The API group of the kind; empty for the core group.
  package var group: String
  /// What is to be done.
  package var operation: Operation
  /// The name; empty where the API server makes one up afterwards.
  package var name: String
  /// The namespace; empty outside namespaces.
  package var namespace: String
  /// The name under which the writer sets fields; empty where it gives none.
  package var fieldManager: String
  /// The object as it is to be; empty in a deletion.
  package var object: DocumentValue.Object
  /// The object as it is; `nil` in a creation.
  package var oldObject: DocumentValue.Object?

  /// Reads an AdmissionReview.
  ///
  /// - Throws: ``DocumentError`` that names the field.
  package init(review: DocumentValue) throws(DocumentError) {
    var reader = try ObjectReader(review, path: "")
    let version = try reader.string("apiVersion") ?? ""
    guard version == AdmissionAnswer.apiVersion, try reader.string("kind") == AdmissionAnswer.kind else {
      throw DocumentError(
        code: .unknownType,
        message:
          "the body has to be an \(AdmissionAnswer.kind) of \(AdmissionAnswer.apiVersion): admissionReviewVersions "
          + "of the webhook has to be [v1]")
    }
    guard let value = reader.value("request") else {
      throw DocumentError(code: .wrongKind, message: "request has to be an object, and is missing")
    }
    var request = try ObjectReader(value, path: "request")
    uid = try request.string("uid") ?? ""
    var kind = try ObjectReader(request.value("kind") ?? [:], path: "request.kind")
    self.kind = try kind.string("kind") ?? ""
    group = try kind.string("group") ?? ""
    let name = try request.string("operation") ?? ""
    guard let operation = Operation(rawValue: name) else {
      throw DocumentError(code: .wrongKind, message: "request.operation \(name.abridged().quoted) is not known")
    }
    self.operation = operation
    self.name = try request.string("name") ?? ""
    namespace = try request.string("namespace") ?? ""
    fieldManager = request.value("options")?["fieldManager"]?.string ?? ""
    object = try Self.object(&request, "object") ?? [:]
    oldObject = try Self.object(&request, "oldObject")
  }

  private static func object(
    _ reader: inout ObjectReader, _ name: String
  ) throws(DocumentError) -> DocumentValue.Object? {
    guard let value = reader.value(name) else { return nil }
    guard case .object(let object) = value else {
      throw ObjectReader.wrongKind(value, path: reader.join(name), expected: "an object")
    }
    return object
  }

  /// The id of a question whose text cannot be read as a whole, so that its answer reaches whoever asked the API server.
  ///
  /// The API server writes the id before anything that a user wrote. An answer with a wrong id is not accepted.
  package static func uid(in bytes: some Collection<UInt8>) -> String? {
    let text = String(decoding: bytes.prefix(1_000), as: UTF8.self)
    guard let key = text.firstRange(of: "\"uid\":\"") else { return nil }
    let rest = text[key.upperBound...]
    guard let end = rest.firstIndex(of: "\"") else { return nil }
    return String(rest[..<end])
  }

  /// The name for messages: that of the object, or the beginning of the one that the API server makes up.
  package var displayName: String {
    if !name.isEmpty { return name }
    let metadata = object["metadata"]
    return metadata?["name"]?.string ?? metadata?["generateName"]?.string ?? ""
  }
}
