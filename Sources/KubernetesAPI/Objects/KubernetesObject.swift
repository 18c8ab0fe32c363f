package import Documents
import OrderedCollections

/// An object of the API, with its metadata as fields. What is not known here is kept.
///
/// Objects with the same fields are equal, in whatever order the fields are: the API server writes `apiVersion` and `kind` at the
/// beginning of an object that it sends alone, and leaves them out in lists.
package struct KubernetesObject: Sendable, Hashable {
  /// The whole object.
  package var document: DocumentValue.Object

  /// Takes a document as it stands.
  package init(_ document: DocumentValue.Object) { self.document = document }

  /// A new object of a kind, without any field but its identity.
  package init(_ kind: KubernetesKind, namespace: String? = nil, name: String) {
    document = ["apiVersion": .string(kind.apiVersion), "kind": .string(kind.kind)]
    var metadata: DocumentValue.Object = ["name": .string(name)]
    if let namespace { metadata["namespace"] = .string(namespace) }
    document["metadata"] = .object(metadata)
  }

  /// A field of the top level, such as `spec`.
  package subscript(key: String) -> DocumentValue? {
    get { document[key] }
    set { document[key] = newValue }
  }

  /// The metadata; empty when there is none.
  package var metadata: DocumentValue.Object {
    get { document["metadata"]?.object ?? [:] }
    set { document["metadata"] = .object(newValue) }
  }

  package var kind: String { document["kind"]?.string ?? "" }
  package var name: String { metadata["name"]?.string ?? "" }
  /// The namespace; `nil` outside namespaces.
  package var namespace: String? { metadata["namespace"]?.string }
  package var uid: String { metadata["uid"]?.string ?? "" }
  /// The version for conditional writes and for watches; empty before it is stored.
  package var resourceVersion: String { metadata["resourceVersion"]?.string ?? "" }
  package var generation: Int64 { metadata["generation"]?.number.flatMap(Int64.init(exactly:)) ?? 0 }
  package var labels: [String: String] { Self.texts(metadata["labels"]) }
  package var annotations: [String: String] { Self.texts(metadata["annotations"]) }
  /// When the API server created it, in whole seconds.
  package var creationTime: Timestamp? { metadata["creationTimestamp"]?.string.flatMap(Timestamp.init) }
  /// Whether it is being deleted.
  package var isBeingDeleted: Bool { metadata["deletionTimestamp"]?.string != nil }

  private static func texts(_ value: DocumentValue?) -> [String: String] {
    var texts: [String: String] = [:]
    for (key, value) in value?.object ?? [:] { texts[key] = value.string }
    return texts
  }
}

extension KubernetesObject {
  package static func == (one: KubernetesObject, other: KubernetesObject) -> Bool {
    isSame(one.document, other.document)
  }

  package func hash(into hasher: inout Hasher) {
    for text in [kind, namespace ?? "", name, uid, resourceVersion] { hasher.combine(text) }
  }

  private static func isSame(_ one: DocumentValue.Object, _ other: DocumentValue.Object) -> Bool {
    one.count == other.count
      && one.allSatisfy { entry in other[entry.key].map { isSame(entry.value, $0) } ?? false }
  }

  private static func isSame(_ one: DocumentValue, _ other: DocumentValue) -> Bool {
    switch (one, other) {
    case (.object(let one), .object(let other)): isSame(one, other)
    case (.array(let one), .array(let other)):
      one.count == other.count && zip(one, other).allSatisfy { isSame($0, $1) }
    default: one == other
    }
  }
}
