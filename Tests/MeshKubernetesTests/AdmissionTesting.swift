import Documents
import Foundation
import MeshKubernetes
import MeshModel
import OrderedCollections

/// A cluster as a value, for the admission to look things up in.
struct KnownMeshes: MeshView {
  struct Failure: Error, CustomStringConvertible {
    let description = "the API server is away"
  }

  /// The uids of meshes.
  var uids = ["shop": "uid-of-shop"]
  /// The meshes that have data plane proxies.
  var used: Set<String> = []
  var warnings: [String] = []
  var isAway = false
  /// The namespaces, by name.
  var namespaces = ["shop": NamespaceFacts(labels: Annotations(["kuma.io/sidecar-injection": "enabled"]))]

  func uid(ofMesh name: String) async throws -> String? {
    if isAway { throw Failure() }
    return uids[name]
  }

  func exists(mesh name: String) async throws -> Bool { try await uid(ofMesh: name) != nil }

  func namespace(_ name: String) async throws -> NamespaceFacts? {
    if isAway { throw Failure() }
    return namespaces[name]
  }

  func hasDataplanes(inMesh name: String) async throws -> Bool {
    if isAway { throw Failure() }
    return used.contains(name)
  }

  func warnings(writing resource: Resource, notices: [FieldNotice]) async -> [String] { notices.messages + warnings }
}

/// Builds questions as the API server asks them.
struct Question {
  var kind = "TrafficTrace"
  var group = "kuma.io"
  var operation = "CREATE"
  var namespace = ""
  /// The object in YAML.
  var object: String
  var old: String?
  /// The writer.
  var fieldManager: String?

  /// The AdmissionReview.
  func review() throws -> DocumentValue {
    func read(_ text: String?) throws -> DocumentValue {
      try text.flatMap { try DocumentValue.yamlDocuments($0).first } ?? .null
    }
    let new = try read(object)
    let (object, old): (DocumentValue, DocumentValue) = operation == "DELETE" ? (.null, new) : (new, try read(old))
    var request: DocumentValue.Object = [
      "uid": "the-uid", "kind": ["group": .string(group), "version": "v1alpha1", "kind": .string(kind)],
      "operation": .string(operation), "object": object, "oldObject": old, "dryRun": false,
      "name": new["metadata"]?["name"] ?? "",
    ]
    if let fieldManager { request["options"] = ["fieldManager": .string(fieldManager)] }
    if !namespace.isEmpty { request["namespace"] = .string(namespace) }
    return ["apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": .object(request)]
  }

  func answer(_ question: Admission.Question, view: KnownMeshes = KnownMeshes()) async throws -> AdmissionAnswer {
    await Admission(view: view, injector: .usual).answer(question, to: try AdmissionRequest(review: try review()))
  }
}

extension Injector {
  /// One with the default settings.
  static var usual: Injector { Injector(settings: InjectorSettings()) }
}

extension AdmissionAnswer {
  /// The patch, decoded from the answer that the API server gets.
  var sentPatch: [DocumentValue] {
    let text = review(uid: "u")["response"]?["patch"]?.string ?? ""
    let bytes = Data(base64Encoded: text) ?? Data()
    return (try? DocumentValue(json: bytes))?.array ?? []
  }

  /// The `Status` of the answer that the API server gets.
  var sentStatus: DocumentValue? { review(uid: "u")["response"]?["status"] }
}
