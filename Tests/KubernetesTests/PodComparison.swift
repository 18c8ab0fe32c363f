import Documents
import MeshModel
import OrderedCollections

/// Compares a pod of the samples with the pod that an API server stores. The server adds defaults, and writes amounts in its own
/// way; names, meshes, images and certificates are those of the test.
struct PodComparison {
  let mesh: String
  let urlPrefix: String

  init(place: (mesh: String, controlPlane: ControlPlaneOnKubernetes)) {
    mesh = place.mesh
    urlPrefix =
      "https://kuma-control-plane.\(place.controlPlane.systemNamespace):\(place.controlPlane.ports.dataplane)"
  }

  /// What the stored pod lacks of the expected one, or has otherwise.
  func differences(_ expected: DocumentValue, _ actual: DocumentValue, _ path: String = "") -> [String] {
    switch (expected, actual) {
    case (.object(let wanted), .object(let present)):
      if let name = wanted["name"]?.string, let value = wanted["value"] {
        let stored = present["value"]?.string ?? ""
        return isRight(stored, value.string ?? "", ofVariable: name) && present["name"]?.string == name
          ? [] : ["\(path): \(name) is \(stored)"]
      }
      return wanted.flatMap { key, value -> [String] in
        let inner = "\(path)/\(key)"
        guard let stored = present[key] else {
          // An empty text is not sent back.
          return value == "" || value == [:] || value == [] ? [] : ["\(inner) is missing"]
        }
        switch (path, key) {
        case ("/metadata", "name"), ("/metadata", "namespace"), ("/metadata", "generateName"): return []
        case ("/metadata/annotations", "kuma.io/mesh"):
          return value == "other" || stored.string == mesh ? [] : ["\(inner) is \(stored.json())"]
        case (_, "image") where value.string?.hasPrefix("kuma-") == true:
          let image = value.string?.split(separator: ":").first.map { "\($0):" } ?? ""
          return stored.string?.hasPrefix(image) == true ? [] : ["\(inner) is \(stored.json())"]
        case (_, "cpu") where value == "1000m": return stored == "1" ? [] : ["\(inner) is \(stored.json())"]
        default: return differences(value, stored, inner)
        }
      }
    case (.array(let wanted), .array(let present)):
      // The server adds mounts of tokens.
      var rest = present[...]
      return wanted.enumerated().flatMap { index, item -> [String] in
        var closest: [String]?
        for (offset, candidate) in rest.enumerated() {
          let found = differences(item, candidate, "\(path)/\(index)")
          if found.isEmpty {
            rest = rest.dropFirst(offset + 1)
            return []
          }
          if found.count < closest?.count ?? .max { closest = found }
        }
        return closest ?? ["\(path)/\(index) is missing"]
      }
    default: return expected == actual ? [] : ["\(path) is \(actual.json()), not \(expected.json())"]
    }
  }

  private func isRight(_ stored: String, _ expected: String, ofVariable name: String) -> Bool {
    switch name {
    case "KUMA_CONTROL_PLANE_CA_CERT": stored.hasPrefix("-----BEGIN CERTIFICATE-----\n")
    case "KUMA_CONTROL_PLANE_URL": stored == urlPrefix
    case "KUMA_DATAPLANE_MESH": stored == mesh
    default: stored == expected
    }
  }
}
