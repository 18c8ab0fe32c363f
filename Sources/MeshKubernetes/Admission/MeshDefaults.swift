import Documents
import OrderedCollections

/// The defaults that a Mesh gets. Tracing has none. Source: Kuma 2.7.
enum MeshDefaults {
  /// What is missing in a Mesh object.
  static func patch(of object: DocumentValue.Object) -> [JSONPatchOperation] {
    var patch: [JSONPatchOperation] = []
    if object["metadata"]?["labels"]?[ResourceOrigin.label] == nil {
      patch.append(
        .set(
          ResourceOrigin.label, of: ["metadata", "labels"], in: object, to: .string(ResourceOrigin.zone.rawValue)))
    }
    let backends = object["spec"]?["metrics"]?["backends"]?.array ?? []
    for (index, backend) in backends.enumerated() where backend["type"] == "prometheus" {
      patch += self.patch(ofPrometheus: backend, at: ["spec", "metrics", "backends", String(index), "conf"])
    }
    return patch
  }

  /// The settings of a Prometheus backend. An absent value and the zero of its kind are the same.
  private static let prometheus: [(name: String, zeros: [DocumentValue], value: DocumentValue)] = [
    ("port", [0], 5670),
    ("path", [""], "/metrics"),
    ("tags", [[:]], ["kuma.io/service": "dataplane-metrics"]),
    ("tls", [], ["mode": "activeMTLSBackend"]),
  ]

  private static func patch(ofPrometheus backend: DocumentValue, at path: [String]) -> [JSONPatchOperation] {
    let conf = backend["conf"] ?? .null
    // Settings of another kind are not ours to replace.
    guard conf == .null || conf.object != nil else { return [] }
    let missing = prometheus.filter { setting in
      let value = conf[setting.name] ?? .null
      return value == .null || setting.zeros.contains(value)
    }
    guard conf.object != nil else {
      return [.add(path, .object(DocumentValue.Object(uniqueKeysWithValues: missing.map { ($0.name, $0.value) })))]
    }
    return missing.map { .add(path + [$0.name], $0.value) }
  }
}
