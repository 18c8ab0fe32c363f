import Documents
import MeshModel
import MeshPolicy

extension FuzzTarget {
  /// Documents and the resources in them.
  static let documents: [FuzzTarget] = [
    FuzzTarget(
      "yaml", "YAML documents: read, written, and read again",
      bounds: .ofYAML, samples: ["a: [1, 2.5, true, null, \"text\"]\n---\n- &x {b: c}\n- *x\n"]
    ) { bytes in
      guard let text = try? String(documentBytes: bytes), let documents = try? DocumentValue.yamlDocuments(text) else {
        return 0
      }
      for document in documents {
        let written = document.yaml(sortKeys: false)
        let again = try? DocumentValue.yamlDocuments(written)
        require(again?.count == 1 && again?[0].json() == document.json(), "the document changed: \(written)")
      }
      return documents.reduce(0) { $0 + size($1) }
    },
    FuzzTarget(
      "json", "a JSON document: read, written, and read again",
      samples: [#"{"a": [1, 2.5e3, true, null, "text\u00e9\n"], "b": {}}"#]
    ) { bytes in
      guard let document = try? DocumentValue(json: bytes) else { return 0 }
      let written = document.json()
      let again = try? DocumentValue(json: written.utf8)
      require(again?.json() == written, "the document changed: \(written)")
      require((try? DocumentValue(json: document.json(.indented(2)).utf8)) == again, "the layout matters: \(written)")
      return size(document)
    },
    FuzzTarget(
      "resource", "resources in YAML: read, checked, shown in both forms, with secrets masked",
      bounds: .ofYAML,
      samples: [
        "type: TrafficTrace\nmesh: default\nname: a\nselectors:\n- match:\n    kuma.io/service: '*'\nconf:\n  backend: z\n"
      ]
    ) { bytes in
      guard let text = try? String(documentBytes: bytes), let documents = try? ResourceDocument.all(in: text) else {
        return 0
      }
      var count = 0
      for document in documents {
        let resource = document.resource
        count += 1 + resource.violations().count + document.notices.count
        // What no store takes need not have both forms: the one for Kubernetes has no place for a missing mesh.
        let isComplete = resource.violations().isEmpty && !(resource.type.isMeshScoped && resource.mesh.isEmpty)
        for form in ResourceDocument.Form.allCases where isComplete {
          let shown = resource.document(form)
          let again = try? ResourceDocument(shown)
          require(again?.resource.document(form).json() == shown.json(), "the resource changed: \(shown.json())")
        }
        count += Redaction.maskedPaths(in: Redaction.masked(resource.document())).count
      }
      return count
    },
    FuzzTarget(
      "selector", "selectors of policies, matched with the tags of proxies over the index and one by one",
      samples: ["a=b,c=*\nd=e\n\na=b,c=d\n"]
    ) { bytes in
      let text = String(decoding: bytes, as: UTF8.self)
      let lines = text.split(separator: "\n", omittingEmptySubsequences: false).prefix(64)
      let selectors = lines.prefix { !$0.isEmpty }.map { TrafficTrace.Selector(match: tags($0)) }
      let tagSets = lines.drop { !$0.isEmpty }.dropFirst().map(tags)
      var index = PolicyIndex()
      for (number, selector) in selectors.enumerated() {
        index.insert("policy-\(number % 8)", TrafficTrace(selectors: [selector]), creationTime: Timestamp(seconds: 1))
      }
      // A later policy of the same name replaces the earlier one.
      var plain: [String: TrafficTrace.Selector] = [:]
      for (number, selector) in selectors.enumerated() { plain["policy-\(number % 8)"] = selector }
      let expected = plain.filter { _, selector in tagSets.contains { selector.matches($0) } }
        .map { PolicyPrecedence(rank: SelectorRank($0.value), creationTime: Timestamp(seconds: 1), name: $0.key) }
      require(index.winner(for: tagSets) == expected.max(), "the index finds another policy")
      require(Set(index.candidates(for: tagSets)) == Set(expected), "the index finds other policies")
      let policy = TrafficTrace(selectors: selectors)
      return Resource(mesh: "default", name: "policy", spec: .trafficTrace(policy)).violations().count
    },
  ]

  private static func tags(_ line: Substring) -> [String: String] {
    var tags: [String: String] = [:]
    for pair in line.split(separator: ",", omittingEmptySubsequences: false) {
      let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      tags[String(parts[0])] = parts.count > 1 ? String(parts[1]) : ""
    }
    return tags
  }

  /// The number of values in a document.
  private static func size(_ value: DocumentValue) -> Int {
    switch value {
    case .array(let items): items.reduce(1) { $0 + size($1) }
    case .object(let object): object.reduce(1) { $0 + size($1.value) }
    default: 1
    }
  }
}
