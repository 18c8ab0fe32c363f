import Documents
import MeshKubernetes
import MeshModel
import OrderedCollections

/// Applies JSON patches (RFC 6902) as far as the control plane writes them.
enum JSONPatch {
  struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  static func apply(_ patch: [JSONPatchOperation], to object: DocumentValue) throws -> DocumentValue {
    try patch.reduce(object) { document, operation in
      guard operation.name == "add" else { throw Failure(description: "\(operation.name) is not written") }
      let path = operation.path.split(separator: "/", omittingEmptySubsequences: false).dropFirst().map {
        String($0).replacing("~1", with: "/").replacing("~0", with: "~")
      }
      return try add(operation.value, at: path[...], to: document, operation.path)
    }
  }

  private static func add(
    _ value: DocumentValue, at path: ArraySlice<String>, to document: DocumentValue, _ whole: String
  ) throws -> DocumentValue {
    guard let key = path.first else { return value }
    let rest = path.dropFirst()
    switch document {
    case .object(var object):
      guard rest.isEmpty || object[key] != nil else { throw Failure(description: "\(whole): there is no \(key)") }
      object[key] = try add(value, at: rest, to: object[key] ?? .null, whole)
      return .object(object)
    case .array(var items):
      if rest.isEmpty {
        guard let index = key == "-" ? items.count : Int(key), (0...items.count).contains(index) else {
          throw Failure(description: "\(whole): \(key) is no index")
        }
        items.insert(value, at: index)
      } else {
        guard let index = Int(key), items.indices.contains(index) else {
          throw Failure(description: "\(whole): \(key) is no index")
        }
        items[index] = try add(value, at: rest, to: items[index], whole)
      }
      return .array(items)
    default: throw Failure(description: "\(whole): \(key) is in no object and no list")
    }
  }
}
