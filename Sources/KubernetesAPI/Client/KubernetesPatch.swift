package import Documents

/// A change of an object, as the API server applies it.
package enum KubernetesPatch: Sendable, Hashable {
  /// Fields to set, and with `null` to remove. Source: RFC 7396.
  case merge(DocumentValue)
  /// A list of operations. Source: RFC 6902.
  case json([DocumentValue])
  /// The fields that the writer wants to own, with `apiVersion`, `kind` and `metadata.name`. Source:
  /// https://kubernetes.io/docs/reference/using-api/server-side-apply/
  ///
  /// - Parameter force: whether fields are taken from other owners.
  case apply(DocumentValue, force: Bool)

  var contentType: String {
    switch self {
    case .merge: "application/merge-patch+json"
    case .json: "application/json-patch+json"
    // JSON is YAML.
    case .apply: "application/apply-patch+yaml"
    }
  }

  var body: DocumentValue {
    switch self {
    case .merge(let value), .apply(let value, _): value
    case .json(let operations): .array(operations)
    }
  }

  var isForced: Bool {
    if case .apply(_, true) = self { true } else { false }
  }
}
