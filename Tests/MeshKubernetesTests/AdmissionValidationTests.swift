import Documents
import MeshKubernetes
import MeshModel
import MeshTestSupport
import OrderedCollections
import Testing

/// Which objects the API server may store.
@Suite struct AdmissionValidationTests {
  static let rows = MeshRules.rows + TrafficTraceRules.rows + DataplaneRules.rows

  @Test("The violations of resources, each with its prefix and a cause", arguments: rows)
  func violations(_ row: ViolationRow) async throws {
    let resource = try #require(try ResourceDocument.all(in: row.yaml).first).resource
    let spec = try #require(try DocumentValue.yamlDocuments(row.yaml).first?.object)
      .filter { !["type", "name", "mesh"].contains($0.key) }
    let object = DocumentValue.object([
      "apiVersion": "kuma.io/v1alpha1", "kind": .string(resource.type.rawValue), "mesh": "shop",
      "metadata": ["name": .string(resource.name)], "spec": .object(spec),
    ])
    let answer = try await Question(kind: resource.type.rawValue, namespace: "ns", object: object.json())
      .answer(.resource)
    guard !row.violations.isEmpty else {
      #expect(answer == .allowed())
      return
    }
    let status = try #require(answer.sentStatus)
    let expected = row.violations.map { "spec.\($0)" }
    #expect(status["status"] == "Failure")
    #expect(status["code"] == 422)
    #expect(status["reason"] == "Invalid")
    #expect(status["message"]?.string == expected.joined(separator: "; "))
    #expect(status["details"]?["name"]?.string == resource.name)
    #expect(status["details"]?["kind"]?.string == resource.type.rawValue)
    let causes = status["details"]?["causes"]?.array ?? []
    #expect(causes.map { "\($0["field"]?.string ?? ""): \($0["message"]?.string ?? "")" } == expected)
    #expect(causes.allSatisfy { $0["reason"] == "FieldValueInvalid" && $0["type"] == nil })
  }

  struct Row: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let object: String
    var kind = "TrafficTrace"
    var operation = "CREATE"
    var old: String?
    /// The code and the message; `nil` where the object is allowed.
    let refusal: (code: Int, message: String)?

    init(
      _ name: String, _ object: String, kind: String = "TrafficTrace", operation: String = "CREATE",
      old: String? = nil, _ code: Int? = nil, _ message: String = ""
    ) {
      testDescription = name
      self.object = object
      self.kind = kind
      self.operation = operation
      self.old = old
      refusal = code.map { ($0, message) }
    }
  }

  static func policy(_ fields: String, metadata: String = "name: t") -> String {
    "{apiVersion: kuma.io/v1alpha1, kind: TrafficTrace, metadata: {\(metadata)}, \(fields)}"
  }
  static func mesh(_ name: String = "shop", _ spec: String = "{}") -> String {
    "{apiVersion: kuma.io/v1alpha1, kind: Mesh, metadata: {name: \(name)}, spec: \(spec)}"
  }
  static let spec = "spec: {selectors: [{match: {a: b}}]}"
  static func ofAuthority(_ name: String) -> String { "{mtls: {enabledBackend: '\(name)', backends: []}}" }
  static let otherAuthority =
    "spec.mtls.enabledBackend: Changing CA when mTLS is enabled is forbidden. Disable mTLS first and then change the CA"

  static let identityRows = [
    Row("a good policy", policy("mesh: shop, \(spec)")),
    Row("no mesh", policy(spec), 422, "mesh: cannot be empty"),
    Row("an empty mesh", policy("mesh: '', \(spec)"), 422, "mesh: cannot be empty"),
    Row("no mesh hides a bad specification", policy("spec: {}"), 422, "mesh: cannot be empty"),
    Row(
      "bad characters in the mesh", policy("mesh: Shop, \(spec)"), 422,
      "mesh: invalid characters. Valid characters are numbers, lowercase latin letters and '-', '_', '.' symbols."),
    Row(
      "a long mesh", policy("mesh: \(String(repeating: "m", count: 254)), \(spec)"), 422,
      "mesh: value length must less or equal 253"),
    Row("a mesh of the wrong kind", policy("mesh: 5, \(spec)"), 400, "mesh has to be text, not number"),
    Row("no specification", policy("mesh: shop"), 422, "spec.selectors: must have at least one element"),
    Row("a specification that is a number", policy("mesh: shop, spec: 5"), 400, "spec has to be an object, not number"),
    Row(
      "selectors of the wrong kind", policy("mesh: shop, spec: {selectors: 5}"), 400,
      "spec.selectors has to be a list, not number"),
    Row("a known origin", policy("mesh: shop, \(spec)", metadata: "name: t, labels: {kuma.io/origin: global}")),
    Row(
      "an unknown origin", policy("mesh: shop, \(spec)", metadata: "name: t, labels: {kuma.io/origin: moon}"), 422,
      #"labels["kuma.io/origin"]: unknown resource origin "moon""#),
    Row(
      "an object that is being deleted",
      policy("mesh: shop, spec: 5", metadata: "name: t, deletionTimestamp: '2026-01-01T00:00:00Z'"),
      operation: "UPDATE"),
    Row(
      "an insight",
      "{apiVersion: kuma.io/v1alpha1, kind: DataplaneInsight, mesh: shop, metadata: {name: d}, status: {}}",
      kind: "DataplaneInsight"),
    Row("a kind that is not known", "{apiVersion: kuma.io/v1alpha1, kind: Retry}", kind: "Retry"),
    Row("a question about a connection", policy(spec), operation: "CONNECT"),
    Row("the deletion of a policy", policy("spec: 5"), operation: "DELETE"),
  ]

  private static let masked =
    "{tracing: {backends: [{name: a, type: zipkin, conf: {url: 'https://***@c:443/', headers: [{name: k, value: '***'}]}}]}}"
  private static let unknownValue =
    "is \"***\", which keeps a value that is stored, but none is stored here: give the value"

  static let meshRows = [
    Row(
      "masks of the HTTP API in the place of secrets", mesh("shop", masked), kind: "Mesh", 422,
      "spec.tracing.backends[0].conf.headers[0].value: \(unknownValue); spec.tracing.backends[0].conf.url: \(unknownValue)"
    ),
    Row(
      "a mesh without a specification", "{apiVersion: kuma.io/v1alpha1, kind: Mesh, metadata: {name: m}}", kind: "Mesh"),
    Row("a name of 63 characters", mesh(String(repeating: "m", count: 63)), kind: "Mesh"),
    Row(
      "a name of 64 characters", mesh(String(repeating: "m", count: 64)), kind: "Mesh", 422,
      "spec.name: cannot be longer than 63 characters"),
    Row(
      "a long name of a mesh that exists", mesh(String(repeating: "m", count: 64)), kind: "Mesh", operation: "UPDATE",
      old: mesh(String(repeating: "m", count: 64))),
    Row(
      "another authority", mesh("shop", ofAuthority("b")), kind: "Mesh", operation: "UPDATE",
      old: mesh("shop", ofAuthority("a")), 422, otherAuthority),
    Row(
      "the same authority", mesh("shop", ofAuthority("a")), kind: "Mesh", operation: "UPDATE",
      old: mesh("shop", ofAuthority("a"))),
    Row(
      "no authority any more", mesh("shop", ofAuthority("")), kind: "Mesh", operation: "UPDATE",
      old: mesh("shop", ofAuthority("a"))),
    Row(
      "a first authority", mesh("shop", ofAuthority("a")), kind: "Mesh", operation: "UPDATE", old: mesh()),
    Row(
      "the end of a mesh without proxies", mesh("empty"), kind: "Mesh", operation: "DELETE"),
    Row(
      "the end of a mesh with proxies", mesh("used"), kind: "Mesh", operation: "DELETE", 400,
      "mesh: unable to delete mesh, there are still some dataplanes attached"),
  ]

  @Test("Objects and their identity", arguments: identityRows + meshRows)
  func identity(_ row: Row) async throws {
    let question = Question(kind: row.kind, operation: row.operation, object: row.object, old: row.old)
    let answer = try await question.answer(.resource, view: KnownMeshes(used: ["used"]))
    #expect(answer.refusal?.code == row.refusal?.code)
    #expect(answer.refusal?.message == row.refusal?.message)
    // Only violations have a reason. Source: Kuma 2.7.
    #expect(answer.refusal?.reason == (answer.refusal?.code == 422 ? "Invalid" : nil))
  }

  @Test("A kind of another group is not ours")
  func otherGroup() async throws {
    let answer = try await Question(kind: "Mesh", group: "example.com", object: "{spec: 5}").answer(.resource)
    #expect(answer == .allowed())
  }

  @Test("What cannot be looked up is no permission")
  func away() async throws {
    let deletion = try await Question(kind: "Mesh", operation: "DELETE", object: Self.mesh())
      .answer(.resource, view: KnownMeshes(isAway: true))
    #expect(deletion.refusal?.code == 500)
    #expect(
      deletion.refusal?.message
        == #"the data plane proxies of the mesh "shop" are not known: the API server is away"#)
  }

  @Test("Violations are named up to a bound")
  func bound() async throws {
    let selectors = Array(repeating: "{match: {}}", count: 1_000).joined(separator: ", ")
    let answer = try await Question(object: Self.policy("mesh: shop, spec: {selectors: [\(selectors)]}"))
      .answer(.resource)
    let refusal = try #require(answer.refusal)
    #expect(refusal.violations.count == 101)
    #expect(refusal.violations.last?.message == "and 900 more violations")
    let long = String(repeating: "é", count: 100_000)
    let named = try await Question(object: Self.policy("mesh: shop, spec: {selectors: [{match: {? \(long) : b}}]}"))
      .answer(.resource)
    #expect(named.refusal.map { $0.message.utf8.count < 5_000 } == true)
  }
}
