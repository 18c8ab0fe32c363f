import Documents
import MeshKubernetes
import MeshModel
import Testing

/// What the admission adds to objects.
@Suite struct AdmissionChangeTests {
  static func policy(_ metadata: String) -> String {
    "{apiVersion: kuma.io/v1alpha1, kind: TrafficTrace, mesh: shop, metadata: {\(metadata)}, "
      + "spec: {selectors: [{match: {a: b}}]}}"
  }

  static let reference: DocumentValue = [
    "apiVersion": "kuma.io/v1alpha1", "kind": "Mesh", "name": "shop", "uid": "uid-of-shop",
  ]

  // MARK: Owner references

  @Test("A new policy refers to its mesh")
  func owner() async throws {
    let answer = try await Question(object: Self.policy("name: t")).answer(.ownerReference)
    #expect(answer.refusal == nil)
    #expect(
      answer.sentPatch == [["op": "add", "path": "/metadata/ownerReferences", "value": .array([Self.reference])]])
  }

  @Test("The owners that a policy has stay, and no owner is added twice")
  func owners() async throws {
    let other = "{apiVersion: v1, kind: ConfigMap, name: c, uid: other}"
    let added = try await Question(object: Self.policy("name: t, ownerReferences: [\(other)]")).answer(.ownerReference)
    #expect(added.sentPatch == [["op": "add", "path": "/metadata/ownerReferences/-", "value": Self.reference]])
    let present = "{apiVersion: kuma.io/v1alpha1, kind: Mesh, name: shop, uid: uid-of-shop}"
    let same = try await Question(object: Self.policy("name: t, ownerReferences: [\(present)]")).answer(.ownerReference)
    #expect(same == .allowed())
    #expect(same.review(uid: "u")["response"] == ["uid": "u", "allowed": true])
  }

  @Test("Copies of another control plane's policies have no owner, nor has any where that is set")
  func without() async throws {
    let copied = try await Question(object: Self.policy("name: t, labels: {kuma.io/origin: global}"))
      .answer(.ownerReference)
    #expect(copied == .allowed())
    let request = try AdmissionRequest(review: try Question(object: Self.policy("name: t")).review())
    #expect(
      await Admission(view: KnownMeshes(), injector: .usual, setsOwnerReferences: false).answer(
        .ownerReference, to: request)
        == .allowed())
  }

  @Test("A policy needs a mesh that exists")
  func noMesh() async throws {
    let object = Self.policy("name: t").replacing("mesh: shop", with: "mesh: nope")
    let unknown = try await Question(object: object).answer(.ownerReference)
    #expect(unknown.sentStatus == ["status": "Failure", "code": 400, "message": #"meshes.kuma.io "nope" not found"#])
    let empty = try await Question(object: Self.policy("name: t").replacing("mesh: shop, ", with: ""))
      .answer(.ownerReference)
    #expect(empty.refusal?.code == 422)
    #expect(empty.refusal?.message == "mesh: cannot be empty")
    let away = try await Question(object: Self.policy("name: t"))
      .answer(.ownerReference, view: KnownMeshes(isAway: true))
    #expect(away.refusal?.code == 500)
    #expect(away.refusal?.message == #"the mesh "shop" cannot be looked up: the API server is away"#)
  }

  @Test("Kinds that are not ours cannot be changed", arguments: [Admission.Question.defaults, .ownerReference])
  func otherKinds(_ question: Admission.Question) async throws {
    let answer = try await Question(kind: "Retry", object: "{kind: Retry}").answer(question)
    #expect(answer.refusal?.code == 400)
    #expect(answer.refusal?.message.contains("\"Retry\"") == true)
  }

  // MARK: Defaults

  @Test("A mesh gets its origin, in the labels that it has")
  func origin() async throws {
    func patch(_ metadata: String) async throws -> [DocumentValue] {
      try await Question(kind: "Mesh", object: "{kind: Mesh, metadata: {\(metadata)}}").answer(.defaults).sentPatch
    }
    #expect(
      try await patch("name: m")
        == [["op": "add", "path": "/metadata/labels", "value": ["kuma.io/origin": "zone"]]])
    #expect(
      try await patch("name: m, labels: {a: b}")
        == [["op": "add", "path": "/metadata/labels/kuma.io~1origin", "value": "zone"]])
    #expect(try await patch("name: m, labels: {kuma.io/origin: global}") == [])
  }

  @Test("Metrics get defaults, setting by setting; tracing gets none")
  func metrics() async throws {
    let backends = """
      {name: all, type: prometheus}, {name: some, type: prometheus, conf: {port: 1234, path: '', tags: {a: b}, x: y}},
      {name: other, type: other}, {name: wrong, type: prometheus, conf: 5}
      """
    let object = """
      {kind: Mesh, metadata: {name: m, labels: {kuma.io/origin: zone}},
       spec: {tracing: {backends: [{name: a, type: zipkin}]}, metrics: {backends: [\(backends)]}}}
      """
    let answer = try await Question(kind: "Mesh", object: object).answer(.defaults)
    let tls: DocumentValue = ["mode": "activeMTLSBackend"]
    #expect(
      answer.sentPatch == [
        [
          "op": "add", "path": "/spec/metrics/backends/0/conf",
          "value": [
            "port": 5670, "path": "/metrics", "tags": ["kuma.io/service": "dataplane-metrics"], "tls": tls,
          ],
        ],
        ["op": "add", "path": "/spec/metrics/backends/1/conf/path", "value": "/metrics"],
        ["op": "add", "path": "/spec/metrics/backends/1/conf/tls", "value": tls],
      ])
  }
}
