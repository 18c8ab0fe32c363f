package import Documents
import OrderedCollections

extension DocumentValue.Object {
  /// The values with others laid over them, as Helm does it: objects are merged key by key, `null` removes a key, and
  /// anything else replaces what was there.
  package func merged(with others: DocumentValue.Object) -> DocumentValue.Object {
    var result = self
    for (key, value) in others {
      switch (result[key], value) {
      case (_, .null): result[key] = nil
      case (.object(let base)?, .object(let changes)): result[key] = .object(base.merged(with: changes))
      default: result[key] = value
      }
    }
    return result
  }
}
