import Documents
import Foundation
import KubernetesTestSupport
import MeshModel
import MeshTestSupport
import OrderedCollections
import TestSupport
import Testing

/// What users of kubectl are told about objects that break rules: the exact texts of Kuma, through the real API server.
@Suite(.onKubernetes, .heavy, .timeLimit(.minutes(60))) struct AdmissionTests {
  /// A server with a mesh and a namespace of the test's own.
  private struct Place {
    let server: KubernetesServer
    let mesh: String
    let namespace: String

    init() async throws {
      server = try await RunningCluster.shared().server
      mesh = RunningCluster.name("admission")
      namespace = try await server.makeNamespace("admission")
      try await server.apply(RunningCluster.mesh(mesh))
    }

    /// What kubectl says about a document, without warnings.
    func refusal(
      of document: String, _ age: KubectlAge = .newest, _ arguments: String...
    ) async throws -> String {
      let answer = try await server.kubectl(age, ["apply", "-f", "-"] + arguments, input: try Self.json(document))
      return Self.withoutWarnings(answer.errors)
    }

    /// Documents as JSON: the oldest kubectl takes no YAML that begins with a brace.
    static func json(_ documents: String) throws -> String {
      try DocumentValue.yamlDocuments(documents).map { $0.json() }.joined(separator: "\n---\n")
    }

    static func withoutWarnings(_ errors: String) -> String {
      errors.split(separator: "\n").filter { !$0.hasPrefix("Warning: ") }.joined(separator: "\n")
    }

    func remove() async throws {
      _ = try await server.kubectl(.newest, "delete", "namespace", namespace, "--wait=false")
      _ = try await server.kubectl(.newest, "delete", "mesh", mesh, "--wait=false")
    }
  }

  // MARK: The rules of resources

  /// A row of a table as an object of its own.
  private struct Case {
    let object: DocumentValue
    let kind: String
    let name: String
    /// The violations, with paths from the object's root.
    let violations: [String]

    init(_ row: ViolationRow, _ number: Int, _ place: Place) throws {
      let document = try #require(try DocumentValue.yamlDocuments(row.yaml).first?.object)
      let type = try #require(ResourceType(rawValue: document["type"]?.string ?? ""))
      kind = type.rawValue
      name = "\(place.mesh)-\(number)"
      violations = row.violations.map { "spec.\($0)" }
      var metadata: DocumentValue.Object = ["name": .string(name)]
      if type.isNamespacedInKubernetes { metadata["namespace"] = .string(place.namespace) }
      var object: DocumentValue.Object = [
        "apiVersion": .string(ResourceDocument.apiVersion), "kind": .string(kind), "metadata": .object(metadata),
        "spec": .object(document.filter { !["type", "mesh", "name"].contains($0.key) }),
      ]
      if type.isMeshScoped { object["mesh"] = .string(place.mesh) }
      self.object = .object(object)
    }

    /// What kubectl prints when the object is the only one: each cause once.
    var alone: String {
      let begin = "The \(kind) \"\(name)\" is invalid: "
      return violations.count == 1
        ? begin + violations[0]
        : begin + "\n" + OrderedSet(violations).map { "* \($0)" }.joined(separator: "\n")
    }

    /// What kubectl prints when the object is one of several: the message.
    var amongOthers: String {
      #"Error from server (Invalid): error when creating "STDIN": admission webhook "#
        + #""validator.kuma-admission.kuma.io" denied the request: "# + violations.joined(separator: "; ")
    }
  }

  @Test(
    "The violations of resources, every row",
    arguments: [("Mesh", MeshRules.rows), ("TrafficTrace", TrafficTraceRules.rows), ("Dataplane", DataplaneRules.rows)])
  func violations(_ kind: String, _ rows: [ViolationRow]) async throws {
    let place = try await Place()
    // kubectl leaves out what is null in an object.
    let sent = rows.filter { $0.testDescription != "value null" }
    let cases = try sent.enumerated().map { try Case($0.element, $0.offset, place) }
    let refused = cases.filter { !$0.violations.isEmpty }
    let documents = cases.map { $0.object.json() }.joined(separator: "\n---\n")
    let answer = try await place.server.kubectl(.newest, "apply", "--dry-run=server", "-f", "-", input: documents)
    #expect(
      Place.withoutWarnings(answer.errors).split(separator: "\n").map(String.init) == refused.map(\.amongOthers))
    // The others are accepted all the same.
    #expect(answer.output.split(separator: "\n").count == cases.count - refused.count)
    #expect(answer.status == 1)
    try await place.remove()
  }

  @Test("Alone, an object is refused with the causes, one for each field", arguments: KubectlAge.allCases)
  func causes(_ age: KubectlAge) async throws {
    let place = try await Place()
    for rows in [MeshRules.rows, TrafficTraceRules.rows, DataplaneRules.rows] {
      let cases = try rows.enumerated().map { try Case($0.element, $0.offset, place) }
      for chosen in [cases.first { $0.violations.count == 1 }, cases.max { $0.violations.count < $1.violations.count }]
      {
        let row = try #require(chosen)
        #expect(try await place.refusal(of: row.object.json(), age) == row.alone)
      }
    }
    try await place.remove()
  }

  // MARK: Identity

  @Test("A policy names a mesh that exists", arguments: KubectlAge.allCases)
  func mesh(_ age: KubectlAge) async throws {
    let place = try await Place()
    func policy(_ mesh: String, spec: String = "{selectors: [{match: {a: b}}]}", labels: String = "{}") -> String {
      "{apiVersion: kuma.io/v1alpha1, kind: TrafficTrace, \(mesh)metadata: {name: \(place.mesh), labels: \(labels)}, "
        + "spec: \(spec)}"
    }
    let start = "The TrafficTrace \"\(place.mesh)\" is invalid: "
    #expect(try await place.refusal(of: policy(""), age) == start + "mesh: cannot be empty")
    #expect(try await place.refusal(of: policy("mesh: '', "), age) == start + "mesh: cannot be empty")
    #expect(
      try await place.refusal(of: policy("mesh: No Such, "), age) == start
        + "mesh: invalid characters. Valid characters are numbers, lowercase latin letters and '-', '_', '.' symbols.")
    #expect(
      try await place.refusal(of: policy("mesh: \(String(repeating: "m", count: 254)), "), age) == start
        + "mesh: value length must less or equal 253")
    let denied = "Error from server: error when creating \"STDIN\": admission webhook "
    #expect(
      try await place.refusal(of: policy("mesh: nope, "), age)
        == denied + #""owner-reference.kuma-admission.kuma.io" denied the request: meshes.kuma.io "nope" not found"#)
    let validator = #""validator.kuma-admission.kuma.io" denied the request: "#
    #expect(
      try await place.refusal(of: policy("mesh: \(place.mesh), ", spec: "5"), age)
        == denied + validator + "spec has to be an object, not number")
    #expect(
      try await place.refusal(of: policy("mesh: \(place.mesh), ", spec: "{selectors: 5}"), age)
        == denied + validator + "spec.selectors has to be a list, not number")
    #expect(
      try await place.refusal(of: policy("mesh: \(place.mesh), ", labels: "{kuma.io/origin: moon}"), age)
        == start + #"labels["kuma.io/origin"]: unknown resource origin "moon""#)
    try await place.remove()
  }

  @Test("A new policy belongs to its mesh, and stays as it was written") func owner() async throws {
    let place = try await Place()
    let policy = """
      apiVersion: kuma.io/v1alpha1
      kind: TrafficTrace
      mesh: \(place.mesh)
      metadata:
        name: \(place.mesh)
        labels: {team: web}
        annotations: {note: mine}
      spec:
        selectors: [{match: {kuma.io/service: '*'}}]
      """
    try await place.server.apply(policy)
    let stored = try await document(place, ["get", "traffictrace", place.mesh])
    let uid = try await document(place, ["get", "mesh", place.mesh])["metadata"]?["uid"]
    #expect(
      stored["metadata"]?["ownerReferences"]?.array == [
        ["apiVersion": "kuma.io/v1alpha1", "kind": "Mesh", "name": .string(place.mesh), "uid": uid ?? .null]
      ])
    #expect(stored["metadata"]?["labels"] == ["team": "web"])
    #expect(stored["metadata"]?["annotations"]?["note"] == "mine")
    // Nothing that a client applies again has changed.
    #expect(try await place.server.apply(policy) == "traffictrace.kuma.io/\(place.mesh) unchanged")
    #expect(try await place.server.kubectl(.newest, "diff", "-f", "-", input: policy).isSuccess)
    try await place.remove()
  }

  private func document(_ place: Place, _ arguments: [String]) async throws -> DocumentValue {
    try DocumentValue(json: Array(try await place.server.succeed(arguments + ["-o", "json"]).utf8))
  }

  // MARK: Meshes

  @Test("The rules of meshes, and their defaults", arguments: KubectlAge.allCases)
  func meshes(_ age: KubectlAge) async throws {
    let place = try await Place()
    func mesh(_ name: String, _ spec: String) -> String {
      "{apiVersion: kuma.io/v1alpha1, kind: Mesh, metadata: {name: \(name)}, spec: \(spec)}"
    }
    let long = String(repeating: "m", count: 64)
    #expect(
      try await place.refusal(of: mesh(long, "{}"), age)
        == "The Mesh \"\(long)\" is invalid: spec.name: cannot be longer than 63 characters")

    // The defaults of metrics are seen by whoever reads the mesh.
    let metrics = "{mtls: {enabledBackend: a}, metrics: {backends: [{name: p, type: prometheus, conf: {port: 1234}}]}}"
    #expect(
      try await place.server.kubectl(age, "apply", "-f", "-", input: try Place.json(mesh(place.mesh, metrics)))
        .isSuccess)
    let stored = try await document(place, ["get", "mesh", place.mesh])
    #expect(stored["metadata"]?["labels"]?["kuma.io/origin"] == "zone")
    #expect(
      stored["spec"]?["metrics"]?["backends"]?.array?.first?["conf"]?.sortedByKey() == [
        "path": "/metrics", "port": 1234, "tags": ["kuma.io/service": "dataplane-metrics"],
        "tls": ["mode": "activeMTLSBackend"],
      ])
    #expect(
      try await place.refusal(of: mesh(place.mesh, "{mtls: {enabledBackend: b}}"), age)
        == "The Mesh \"\(place.mesh)\" is invalid: spec.mtls.enabledBackend: Changing CA when mTLS is enabled is "
        + "forbidden. Disable mTLS first and then change the CA")

    // A mesh with proxies stays.
    let proxy = RunningCluster.dataplane("web", namespace: place.namespace, mesh: place.mesh, service: "web")
    try await place.server.apply(proxy)
    let refused = try await place.server.kubectl(age, "delete", "mesh", place.mesh)
    #expect(
      refused.errors
        == #"Error from server: admission webhook "validator.kuma-admission.kuma.io" denied the request: mesh: unable to "#
        + "delete mesh, there are still some dataplanes attached")
    try await place.server.succeed(["delete", "dataplane", "web", "-n", place.namespace])
    #expect(
      try await place.server.kubectl(age, "delete", "mesh", place.mesh).output
        == "mesh.kuma.io \"\(place.mesh)\" deleted")
    try await place.remove()
  }

  // MARK: Services and Secrets

  @Test("The protocols of Services") func services() async throws {
    let place = try await Place()
    func service(_ name: String) -> String {
      "{apiVersion: v1, kind: Service, metadata: {name: web, namespace: \(place.namespace), "
        + "annotations: {80.service.kuma.io/protocol: \(name)}}, spec: {ports: [{port: 80}]}}"
    }
    #expect(
      try await place.refusal(of: service("smtp"))
        == #"The Service "web" is invalid: metadata.annotations["80.service.kuma.io/protocol"]: value "smtp" is not valid."#
        + " Allowed values: grpc, http, http2, kafka, tcp")
    #expect(try await place.refusal(of: service("http")) == "")
    try await place.remove()
  }

  @Test("The Secrets of meshes") func secrets() async throws {
    let place = try await Place()
    let system = try await RunningCluster.shared().controlPlane.systemNamespace
    func secret(_ type: String, _ data: String, mesh: String = "a") -> String {
      "{apiVersion: v1, kind: Secret, metadata: {name: \(place.mesh), namespace: \(system), "
        + "labels: {kuma.io/mesh: \(mesh)}}, type: system.kuma.io/\(type), data: \(data)}"
    }
    let start = "The Secret \"\(place.mesh)\" is invalid: "
    #expect(try await place.refusal(of: secret("secret", "{}")) == start + "data.value: cannot be empty.")
    #expect(
      try await place.refusal(of: secret("global-secret", "{value: YQ==}"))
        == start + #"metadata.labels["kuma.io/mesh"]: mesh cannot be set on global secret"#)
    #expect(try await place.refusal(of: secret("secret", "{value: YQ==}")) == "")
    #expect(
      try await place.refusal(of: secret("secret", "{value: YQ==}", mesh: "b")) == start
        + #"metadata.labels["kuma.io/mesh"]: cannot change mesh of the Secret. Delete the Secret first and apply it again."#
    )
    try await place.server.succeed(["delete", "secret", place.mesh, "-n", system])
    try await place.remove()
  }

  // MARK: Warnings

  @Test(
    "Warnings are printed word for word, also about what is in one file with its mesh", arguments: KubectlAge.allCases)
  func warnings(_ age: KubectlAge) async throws {
    let place = try await Place()
    // The mesh and what uses it are in one file, so nothing may be judged by what the control plane knew before.
    let fresh = "\(place.mesh)-fresh"
    let documents = [
      RunningCluster.mesh(fresh),
      RunningCluster.policy(fresh, mesh: fresh, backend: "spasn").replacing("conf:", with: "cnof: 1\n  conf:"),
      RunningCluster.policy("\(fresh)-good", mesh: fresh),
    ].joined(separator: "\n---\n")
    let unknown =
      "Warning: TrafficTrace \"\(fresh)\" names the tracing backend \"spasn\", which mesh \"\(fresh)\" does not have; did "
      + "you mean \"spans\"? Nothing will be traced."
    let answer = try await place.server.kubectl(age, "apply", "-f", "-", input: documents)
    #expect(
      answer.errors == #"Warning: spec.cnof: unknown field, ignored; did you mean "conf"?"# + "\n" + unknown,
      "\(answer)")
    #expect(answer.isSuccess)
    #expect(
      answer.output.split(separator: "\n") == [
        "mesh.kuma.io/\(fresh) created", "traffictrace.kuma.io/\(fresh) created",
        "traffictrace.kuma.io/\(fresh)-good created",
      ])
    // Unknown fields are kept.
    #expect(try await document(place, ["get", "traffictrace", fresh])["spec"]?["cnof"] == 1)

    // A proxy of a mesh that is not there is accepted, as in Kuma.
    let proxy = RunningCluster.dataplane("lost", namespace: place.namespace, mesh: "\(fresh)-none", service: "web")
    let lost = try await place.server.kubectl(age, "apply", "--dry-run=server", "-f", "-", input: proxy)
    #expect(
      lost.errors
        == "Warning: Dataplane \"lost.\(place.namespace)\" belongs to mesh \"\(fresh)-none\", which does not exist. It has "
        + "no effect until the mesh is created.")
    #expect(lost.output == "dataplane.kuma.io/lost created (server dry run)")
    _ = try await place.server.kubectl(.newest, "delete", "traffictrace", fresh, "\(fresh)-good")
    _ = try await place.server.kubectl(.newest, "delete", "mesh", fresh)
    try await place.remove()
  }
}
