import MeshKubernetes
import MeshModel
import Testing

@Suite("Whether a pod has a Dataplane")
struct PodConditionTests {
  typealias PodRow = Row<PodShape, PodConverter.Outcome>

  private static let prefix = "Failed to generate Kuma Dataplane: "
  private static let translation = prefix + "unable to translate a Pod into a Dataplane: "

  static let rows: [PodRow] = [
    PodRow("the annotation kuma.io/sidecar-injected is missing", .none(.notInjected)) { $0.annotations = [:] },
    PodRow("the annotation kuma.io/sidecar-injected is not true", .none(.notInjected)) {
      $0.annotations["kuma.io/sidecar-injected"] = "false"
    },
    PodRow(
      "the annotation kuma.io/sidecar-injected cannot be read",
      .failure(translation + #"annotation "kuma.io/sidecar-injected" has wrong value "maybe""#)
    ) { $0.annotations["kuma.io/sidecar-injected"] = "maybe" },
    PodRow("the phase is Succeeded", .none(.succeeded)) { $0.phase = "Succeeded" },
    PodRow("there is no address", .none(.noAddress)) { $0.address = "" },
    PodRow("the reason is Evicted", .none(.evicted)) { $0.reason = "Evicted" },
    PodRow(
      "kuma.io/ingress is enabled",
      .failure(prefix + #"there are no zones here, so "kuma.io/ingress" has no effect"#)
    ) { $0.annotations = ["kuma.io/ingress": "enabled"] },
    PodRow(
      "kuma.io/egress is enabled",
      .failure(prefix + #"there are no zones here, so "kuma.io/egress" has no effect"#)
    ) { $0.annotations = ["kuma.io/egress": "true"] },
    PodRow(
      "kuma.io/gateway has another value",
      .failure(translation + "invalid delegated gateway type 'other'")
    ) { $0.annotations["kuma.io/gateway"] = "other" },
    PodRow(
      "kuma.io/gateway is builtin without tags",
      .failure("Missing kuma.io/tags annotation on Pod serving a builtin Gateway")
    ) { $0.annotations = ["kuma.io/gateway": "builtin"] },
    PodRow(
      "kuma.io/gateway is builtin with tags that are no JSON",
      .failure("Invalid kuma.io/tags annotation on Pod serving a builtin Gateway")
    ) { $0.annotations = ["kuma.io/gateway": "builtin", "kuma.io/tags": "{kuma.io/service: edge"] },
    PodRow(
      "kuma.io/gateway is builtin with tags that are no texts",
      .failure("Invalid kuma.io/tags annotation on Pod serving a builtin Gateway")
    ) { $0.annotations = ["kuma.io/gateway": "builtin", "kuma.io/tags": #"{"kuma.io/service":5}"#] },
    PodRow(
      "the admin port is no number",
      .failure(
        translation
          + #"failed to parse annotation "kuma.io/envoy-admin-port": strconv.ParseUint: parsing "x": invalid syntax"#
      )
    ) { $0.annotations["kuma.io/envoy-admin-port"] = "x" },
  ]

  @Test("follows its annotations and its status", arguments: rows)
  func conditions(_ row: PodRow) {
    #expect(PodConverter().convert(row.changing(PodShape())) == row.expected)
  }

  @Test("is left alone while the namespace is Terminating")
  func terminatingNamespace() {
    let namespace = scope("Namespace", "shop", phase: "Terminating")
    #expect(PodConverter().convert(PodShape(), namespace: namespace) == .unchanged)
    #expect(PodConverter().convert(.with { $0.phase = "Succeeded" }, namespace: namespace) == .unchanged)
  }

  @Test("is left open while the namespace is not known")
  func unknownNamespace() {
    let outcome = PodConverter().convert(PodShape().observed, PodConverter.Surroundings(namespace: nil))
    #expect(outcome == .unchanged)
  }

  @Test("A pod that is being deleted, has failed or is pending with an address has one")
  func otherPhases() {
    for phase in ["Pending", "Running", "Failed", "Unknown"] {
      #expect(PodConverter().dataplane(.with { $0.phase = phase }) != nil, "\(phase)")
    }
    #expect(PodConverter().dataplane(.with { $0.isBeingDeleted = true }) != nil)
  }

  @Test("The mesh is that of the pod, else that of the namespace, else default")
  func mesh() {
    func mesh(pod: String?, namespace: String?) -> String? {
      let shape = PodShape.with { $0.annotations["kuma.io/mesh"] = pod }
      let annotations = namespace.map { ["kuma.io/mesh": $0] } ?? [:]
      let outcome = PodConverter().convert(
        shape, namespace: scope("Namespace", "shop", annotations: annotations))
      guard case .dataplane(_, let mesh) = outcome else { return nil }
      return mesh
    }
    #expect(mesh(pod: "a", namespace: "b") == "a")
    #expect(mesh(pod: nil, namespace: "b") == "b")
    #expect(mesh(pod: "", namespace: "b") == "b")
    #expect(mesh(pod: nil, namespace: nil) == "default")
  }

  @Test("A Dataplane that is not valid is not made, and every violation is named")
  func invalid() {
    let service = ServiceShape.with {
      $0.ports = [.init()]
      $0.annotations = ["80.service.kuma.io/protocol": "Mongo"]
    }
    let outcome = PodConverter().convert(
      .with { $0.annotations["kuma.io/envoy-admin-port"] = "70000" }, [service])
    guard case .failure(let text) = outcome else {
      Issue.record("\(outcome)")
      return
    }
    #expect(text.hasPrefix("\(Self.prefix)spec.networking.admin.port: "))
    #expect(
      text.hasSuffix(
        #"; spec.networking.inbound[0].tags["kuma.io/protocol"]: tag "kuma.io/protocol" has an invalid value "mongo". "#
          + "Allowed values: grpc, http, http2, kafka, tcp"))
  }
}
