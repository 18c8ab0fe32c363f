import Documents
import MeshKubernetes
import MeshModel
import Testing

/// Questions of the API server, and objects of other kinds than ours.
@Suite struct AdmissionReviewTests {
  static let policy = """
    {apiVersion: kuma.io/v1alpha1, kind: TrafficTrace, mesh: shop, metadata: {name: t},
     spec: {selectors: [{match: {a: b}}], cnof: {backend: b}}}
    """

  // MARK: Questions and answers

  @Test("An answer repeats the id, and passes warnings on")
  func warnings() async throws {
    let answer = try await Question(object: Self.policy).answer(
      .resource, view: KnownMeshes(warnings: ["one", "a\nb"]))
    #expect(
      answer.review(uid: "the-uid") == [
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "response": [
          "uid": "the-uid", "allowed": true,
          "warnings": [#"spec.cnof: unknown field, ignored; did you mean "conf"?"#, "one", #"a\nb"#],
        ],
      ])
  }

  @Test("A refusal comes with warnings about unknown fields, as a field that is missing may stand there misspelt")
  func refusedWithWarnings() async throws {
    let policy = """
      {apiVersion: kuma.io/v1alpha1, kind: TrafficTrace, mesh: shop, metadata: {name: t},
       spec: {selector: [{match: {a: b}}]}}
      """
    let response = try await Question(object: policy).answer(.resource).review(uid: "u")["response"]
    #expect(response?["allowed"] == false)
    #expect(response?["status"]?["message"] == "spec.selectors: must have at least one element")
    #expect(response?["warnings"] == [#"spec.selector: unknown field, ignored; did you mean "selectors"?"#])

    let misplaced = """
      {apiVersion: kuma.io/v1alpha1, kind: TrafficTrace, metadata: {name: t},
       spec: {mesh: shop, selectors: [{match: {a: b}}]}}
      """
    let owner = try await Question(object: misplaced).answer(.ownerReference).review(uid: "u")["response"]
    #expect(owner?["status"]?["message"] == "mesh: cannot be empty")
    #expect(owner?["warnings"] == ["spec.mesh: unknown field, ignored"])
  }

  @Test("There are no warnings for a control plane, nor about what only it writes")
  func own() async throws {
    func warnings(_ question: Question) async throws -> [String] {
      let admission = Admission(view: KnownMeshes(warnings: ["one"]), injector: .usual, ownFieldManager: "kuma-cp")
      return await admission.answer(.resource, to: try AdmissionRequest(review: try question.review())).warnings
    }
    let policy = Self.policy.replacing("cnof", with: "conf")
    #expect(try await warnings(Question(object: policy)) == ["one"])
    #expect(try await warnings(Question(object: policy, fieldManager: "kubectl-client-side-apply")) == ["one"])
    #expect(try await warnings(Question(object: policy, fieldManager: "kuma-cp")) == [])
    let insight =
      "{apiVersion: kuma.io/v1alpha1, kind: DataplaneInsight, mesh: shop, metadata: {name: d}, status: {x: 1}}"
    #expect(try await warnings(Question(kind: "DataplaneInsight", namespace: "n", object: insight)) == [])
  }

  @Test("Warnings stay below what the API server passes on whole")
  func manyWarnings() async throws {
    let long = String(repeating: "w", count: 5_000)
    let answer = try await Question(object: Self.policy).answer(
      .resource, view: KnownMeshes(warnings: Array(repeating: long, count: 50)))
    #expect(answer.warnings.map(\.unicodeScalars.count).reduce(0, +) <= 4_096)
    #expect(answer.warnings.count == 5)
    #expect(answer.warnings.last == "and 47 more warnings")
  }

  @Test(
    "What is not a question is told so",
    arguments: [
      ("{}", "admissionReviewVersions of the webhook has to be [v1]"),
      ("{apiVersion: admission.k8s.io/v1beta1, kind: AdmissionReview, request: {}}", "admission.k8s.io/v1:"),
      ("{apiVersion: admission.k8s.io/v1, kind: AdmissionReview}", "request has to be an object, and is missing"),
      (
        "{apiVersion: admission.k8s.io/v1, kind: AdmissionReview, request: 5}",
        "request has to be an object, not number"
      ),
      (
        "{apiVersion: admission.k8s.io/v1, kind: AdmissionReview, request: {operation: EAT}}",
        #"request.operation "EAT" is not known"#
      ),
      (
        "{apiVersion: admission.k8s.io/v1, kind: AdmissionReview, request: {operation: CREATE, object: [1]}}",
        "request.object has to be an object, not array"
      ),
    ])
  func notAQuestion(_ text: String, _ words: String) throws {
    let review = try #require(try DocumentValue.yamlDocuments(text).first)
    let error = try #require(throws: DocumentError.self) { try AdmissionRequest(review: review) }
    #expect(error.message.contains(words), "\(error)")
  }

  @Test("The id of a question that cannot be read is found where the API server writes it")
  func uid() {
    let text = #"{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{"uid":"a-b-c","kind":{"#
    #expect(AdmissionRequest.uid(in: Array(text.utf8)) == "a-b-c")
    #expect(AdmissionRequest.uid(in: Array(text.replacing("uid", with: "id").utf8)) == nil)
    #expect(AdmissionRequest.uid(in: Array(#"{"request":{"uid":"a"#.utf8)) == nil)
    #expect(AdmissionRequest.uid(in: [0xff, 0x00]) == nil)
  }

  @Test("A name that the API server makes up later is told by its beginning")
  func generatedName() async throws {
    let object = "{apiVersion: kuma.io/v1alpha1, kind: TrafficTrace, mesh: shop, metadata: {generateName: trace-}}"
    let answer = try await Question(object: object).answer(.resource)
    #expect(answer.refusal?.name == "trace-")
    #expect(answer.refusal?.message == "spec.selectors: must have at least one element")
  }

  // MARK: Services

  static let services: [(annotations: String, violation: String?)] = [
    ("{}", nil),
    ("{80.service.kuma.io/protocol: http}", nil),
    ("{80.service.kuma.io/protocol: GRPC}", nil),
    // There is no such port.
    ("{81.service.kuma.io/protocol: smtp}", nil),
    (
      "{80.service.kuma.io/protocol: smtp}",
      #"metadata.annotations["80.service.kuma.io/protocol"]: value "smtp" is not valid. Allowed values: grpc, http, "#
        + "http2, kafka, tcp"
    ),
    (
      "{80.service.kuma.io/protocol: ''}",
      #"metadata.annotations["80.service.kuma.io/protocol"]: value "" is not valid. Allowed values: grpc, http, http2, "#
        + "kafka, tcp"
    ),
  ]

  @Test("The protocols that a Service names", arguments: services)
  func service(_ annotations: String, _ violation: String?) async throws {
    let object = "{kind: Service, metadata: {name: s, annotations: \(annotations)}, spec: {ports: [{port: 80}, {}]}}"
    let answer = try await Question(kind: "Service", group: "", namespace: "n", object: object).answer(.service)
    #expect(answer.refusal?.message == violation)
    if violation != nil { #expect(answer.refusal?.code == 422) }
  }

  // MARK: Secrets

  struct SecretRow: Sendable {
    var type: String
    var fields: String
    var old: String?
    var violation: String?

    init(_ type: String, _ fields: String, old: String? = nil, _ violation: String? = nil) {
      (self.type, self.fields, self.old, self.violation) = (type, fields, old, violation)
    }

    func object(_ fields: String) -> String { "{kind: Secret, type: \(type), \(fields)}" }
  }

  static let label = #"metadata.labels["kuma.io/mesh"]"#
  static let secrets = [
    SecretRow("Opaque", "metadata: {name: s}"),
    SecretRow("system.kuma.io/secret", "metadata: {name: s}, data: {value: YQ==}"),
    SecretRow("system.kuma.io/secret", "metadata: {name: s}", "data.value: cannot be empty."),
    SecretRow("system.kuma.io/global-secret", "metadata: {name: s}, data: {value: ''}", "data.value: cannot be empty."),
    SecretRow(
      "system.kuma.io/global-secret", "metadata: {name: s, labels: {kuma.io/mesh: m}}, data: {value: YQ==}",
      "\(label): mesh cannot be set on global secret"),
    SecretRow(
      "system.kuma.io/secret", "metadata: {name: s, labels: {kuma.io/mesh: b}}, data: {value: YQ==}",
      old: "metadata: {name: s, labels: {kuma.io/mesh: a}}",
      "\(label): cannot change mesh of the Secret. Delete the Secret first and apply it again."),
    SecretRow(
      "system.kuma.io/secret", "metadata: {name: s, labels: {kuma.io/mesh: default}}, data: {value: YQ==}",
      old: "metadata: {name: s}"),
  ]

  @Test("The Secrets of meshes", arguments: secrets)
  func secret(_ row: SecretRow) async throws {
    let question = Question(
      kind: "Secret", group: "", operation: row.old == nil ? "CREATE" : "UPDATE", namespace: "kuma-system",
      object: row.object(row.fields), old: row.old.map(row.object))
    #expect(try await question.answer(.secret).refusal?.message == row.violation)
  }

  @Test("Services and Secrets may be deleted", arguments: [Admission.Question.service, .secret])
  func deletion(_ question: Admission.Question) async throws {
    let object = "{kind: Secret, type: system.kuma.io/secret, metadata: {name: s}}"
    #expect(
      try await Question(kind: "Secret", group: "", operation: "DELETE", object: object).answer(question)
        == .allowed())
  }
}
