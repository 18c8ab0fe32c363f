import MeshModel
import OrderedCollections
import Testing

/// Secrets in their two forms.
@Suite("Documents of secrets")
struct SecretDocumentTests {
  private func read(_ text: String) throws -> ResourceDocument {
    try #require(try ResourceDocument.all(in: text).first)
  }

  private static let bytes = Array("top secret".utf8)

  static let documents: [(String, Resource)] = [
    (
      "{type: Secret, mesh: demo, name: key, data: dG9wIHNlY3JldA==}",
      .secret(mesh: "demo", name: "key", data: bytes)
    ),
    ("{type: GlobalSecret, name: key, data: dG9wIHNlY3JldA}", .globalSecret(name: "key", data: bytes)),
    (
      """
      apiVersion: v1
      kind: Secret
      metadata: {name: key, namespace: kuma-system, labels: {kuma.io/mesh: demo}}
      data: {value: dG9wIHNlY3JldA==}
      type: system.kuma.io/secret
      """, .secret(mesh: "demo", name: "key", data: bytes, labels: ["kuma.io/mesh": "demo"])
    ),
    (
      "{apiVersion: v1, kind: Secret, type: system.kuma.io/secret, metadata: {name: key}, stringData: {value: top secret}}",
      .secret(mesh: "default", name: "key", data: bytes)
    ),
    (
      "{apiVersion: v1, kind: Secret, type: system.kuma.io/global-secret, metadata: {name: key}, data: {value: dG9wIHNlY3JldA==}}",
      .globalSecret(name: "key", data: bytes)
    ),
  ]

  @Test("Both forms are read, and written again", arguments: documents.indices)
  func forms(index: Int) throws {
    let (text, expected) = Self.documents[index]
    let document = try read(text)
    #expect(document.resource == expected)
    #expect(document.resource.secretData == Self.bytes)
    #expect(document.notices.isEmpty)
    #expect(expected.violations().isEmpty)
    for form in ResourceDocument.Form.allCases {
      var again = try ResourceDocument(expected.document(form)).resource
      again.labels = again.ownLabels
      #expect(again.key == expected.key && again.secretData == Self.bytes)
      #expect(again.labels == expected.ownLabels)
      // The form that is shown has everything but the data.
      let shown = expected.redacted.document(form)
      #expect(shown["data"] == nil && shown["stringData"] == nil)
      #expect(try ResourceDocument(shown).resource.key == expected.key)
    }
  }

  @Test("An object of a cluster keeps what is not ours")
  func stored() throws {
    let object: DocumentValue.Object = [
      "apiVersion": "v1", "kind": "Secret", "type": "system.kuma.io/secret",
      "metadata": [
        "name": "key", "namespace": "kuma-system", "resourceVersion": "7", "uid": "u",
        "labels": ["kuma.io/mesh": "demo", "team": "a"], "annotations": ["note": "kept"],
      ],
      "data": ["value": "b2xk", "extra": "a2VwdA=="],
    ]
    let read = try ResourceDocument(stored: object).resource
    #expect(read.key == ResourceKey(type: .secret, mesh: "demo", name: "key"))
    #expect(read.revision == 7)
    #expect(read.ownLabels == ["team": "a"])
    var written = Resource.secret(mesh: "demo", name: "key", data: Self.bytes, labels: ["team": "b"])
    written.labels["kuma.io/mesh"] = nil
    let new = try written.storedObject(over: object)
    #expect(new["data"] == ["value": "dG9wIHNlY3JldA==", "extra": "a2VwdA=="])
    #expect(new["metadata"]?["labels"]?.tags == ["kuma.io/mesh": "demo", "team": "b"])
    #expect(new["metadata"]?["annotations"] == ["note": "kept"])
    #expect(new["type"] == "system.kuma.io/secret")
  }

  @Test(
    "What is no secret of ours is refused, and the reason does not repeat the data",
    arguments: [
      "{apiVersion: v1, kind: Secret, metadata: {name: a}, type: Opaque, data: {value: dG9wIHNlY3JldA==}}",
      "{apiVersion: v1, kind: Secret, metadata: {name: a}, stringData: {value: top secret}}",
      "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {value: top secret}}",
      "{apiVersion: v1, kind: Secret, metadata: {name: a}, type: system.kuma.io/secret, data: {value: top secret}}",
      "{apiVersion: v1, kind: Secret, metadata: {name: a}, type: system.kuma.io/secret, data: top secret}",
      "{apiVersion: v1, kind: Secret, metadata: {name: a}, type: system.kuma.io/secret, stringData: {value: [top secret]}}",
      "{apiVersion: kuma.io/v1alpha1, kind: GlobalSecret, metadata: {name: a}, data: {value: top secret}}",
      "{type: Secret, mesh: demo, name: a, data: top secret}",
      "{type: Secret, mesh: demo, name: a, data: [top secret]}",
    ])
  func refused(text: String) throws {
    let error = #expect(throws: DocumentError.self) { try read(text) }
    #expect(error.map { !"\($0)".contains("top") && !"\($0)".contains("dG9w") } == true, "\(String(describing: error))")
  }

  @Test("A secret has data, and not too much of it")
  func rules() {
    #expect(Resource.secret(mesh: "demo", name: "a", data: []).violations().map(\.field) == ["data"])
    #expect(Resource.globalSecret(name: "a", data: Array(repeating: 0, count: 1 << 20)).violations().isEmpty)
    #expect(Resource.globalSecret(name: "a", data: Array(repeating: 0, count: 1 << 20 | 1)).violations().count == 1)
  }
}
