package import MeshModel

// Every store uses the same sentences.
extension StoreError {
  package static func notFound(_ key: ResourceKey) -> StoreError {
    StoreError(code: .notFound, message: "there is no \(key)")
  }

  package static func meshNotFound(_ mesh: String) -> StoreError {
    StoreError(code: .meshNotFound, message: "mesh of name \(mesh) is not found; create the mesh first")
  }

  package static func meshInUse(_ mesh: String) -> StoreError {
    StoreError(
      code: .meshInUse,
      message: "mesh \(mesh) still has data plane proxies; stop them before the mesh is deleted")
  }

  package static func conflict(_ key: ResourceKey, present: UInt64?, condition: WriteCondition) -> StoreError {
    let found = present.map { "it exists with revision \($0)" } ?? "it does not exist"
    let wanted =
      switch condition {
      case .always: "nothing"
      case .absent: "that it does not exist"
      case .revision(let revision): "revision \(revision)"
      }
    return StoreError(
      code: .conflict, message: "\(key) was not written: the write asks for \(wanted), but \(found); read it again")
  }
}

extension WriteCondition {
  /// Whether the condition holds for a resource with this revision, or for none (`nil`).
  package func holds(for revision: UInt64?) -> Bool {
    switch self {
    case .always: true
    case .absent: revision == nil
    case .revision(let wanted): revision == wanted
    }
  }
}
