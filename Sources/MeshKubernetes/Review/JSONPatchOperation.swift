package import Documents
import OrderedCollections

/// One change of an object, as an operation of a JSON patch (RFC 6902).
package struct JSONPatchOperation: Sendable, Hashable {
  /// What is done: `add`, `replace`, `test`.
  package var name: String
  /// Where, as a JSON pointer (RFC 6901).
  package var path: String
  /// The value.
  package var value: DocumentValue

  /// Adds a field, or replaces it; adds an item to a list where the path ends with `-`.
  package static func add(_ path: [String], _ value: DocumentValue) -> JSONPatchOperation {
    JSONPatchOperation(name: "add", path: pointer(path), value: value)
  }

  /// Stops the whole patch unless a field has a value.
  package static func test(_ path: [String], _ value: DocumentValue) -> JSONPatchOperation {
    JSONPatchOperation(name: "test", path: pointer(path), value: value)
  }

  /// A path as text.
  private static func pointer(_ path: [String]) -> String {
    path.map { "/" + $0.replacing("~", with: "~0").replacing("/", with: "~1") }.joined()
  }

  /// The operation in document form.
  package var document: DocumentValue { ["op": .string(name), "path": .string(path), "value": value] }

  /// Sets one entry of a map in an object, and leaves its other entries alone. `add` of a whole map would replace what a
  /// user wrote.
  static func set(
    _ key: String, of map: [String], in object: DocumentValue.Object, to value: DocumentValue
  ) -> JSONPatchOperation {
    var present: DocumentValue? = .object(object)
    for name in map { present = present?[name] }
    guard present?.object != nil else { return .add(map, [key: value]) }
    return .add(map + [key], value)
  }
}
