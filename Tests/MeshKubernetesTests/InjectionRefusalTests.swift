import Documents
import MeshKubernetes
import MeshModel
import MeshTestSupport
import OrderedCollections
import Testing

@Suite("Pods that are refused because they cannot get their sidecar")
struct InjectionRefusalTests {
  @Test("The texts are Kuma's", arguments: InjectionRefusals.rows)
  func texts(_ row: InjectionRefusals.Row) async throws {
    let answer = try await Injecting.answer(row.pod, in: row.namespace)
    #expect(answer.refusal?.message == row.message)
    #expect(answer.refusal?.code == 500)
    #expect(answer.refusal?.reason == nil)
    #expect(answer.patch.isEmpty)
  }

  @Test("What cannot be looked up refuses the pod")
  func lookups() async throws {
    let sample = try PodSample("minimal")
    let review: DocumentValue = [
      "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
      "request": [
        "uid": "u", "kind": ["group": "", "version": "v1", "kind": "Pod"], "operation": "CREATE", "namespace": "gone",
        "object": .object(sample.pod),
      ],
    ]
    let request = try AdmissionRequest(review: review)
    func message(_ view: KnownMeshes) async -> String? {
      await Admission(view: view, injector: .usual).answer(.injection, to: request).refusal?.message
    }
    #expect(await message(KnownMeshes()) == "could not retrieve namespace for pod: Namespace \"gone\" not found")
    #expect(
      await message(KnownMeshes(isAway: true)) == "could not retrieve namespace for pod: the API server is away")
  }

  @Test("A port of the administration is refused only where the sidecar uses it for something else")
  func administrationPorts() async throws {
    let sample = try PodSample("minimal")
    func refusal(_ annotations: [String: String], _ settings: InjectorSettings = InjectorSettings()) async throws
      -> String?
    {
      var pod = sample.pod
      var metadata = pod["metadata"]?.object ?? [:]
      metadata["annotations"] = .object(
        DocumentValue.Object(uniqueKeysWithValues: annotations.map { ($0, .string($1)) }))
      pod["metadata"] = .object(metadata)
      return try await Injecting.answer(.object(pod), in: sample.namespace, settings: settings).refusal?.message
    }
    let key = "kuma.io/envoy-admin-port"
    #expect(try await refusal([key: "9000"])?.contains(key) == true)
    #expect(try await refusal([key: "9000", "kuma.io/virtual-probes": "disabled"]) == nil)
    #expect(try await refusal([key: "9000", "kuma.io/virtual-probes-port": "9100"]) == nil)
    var settings = InjectorSettings()
    (settings.inboundPort, settings.outboundPort, settings.virtualProbesPort) = (16006, 16001, 9009)
    for port in ["15006", "15001", "9000"] { #expect(try await refusal([key: port], settings) == nil) }
    for port in ["16006", "16001", "9009"] { #expect(try await refusal([key: port], settings)?.contains(port) == true) }
  }

  @Test("Values that kuma-dp and the API server take are taken")
  func taken() async throws {
    for (key, value) in [
      ("kuma.io/envoy-log-level", ""), ("kuma.io/envoy-log-level", "critical"),
      ("kuma.io/envoy-component-log-level", ""), ("kuma.io/envoy-component-log-level", "upstream:warn"),
      ("kuma.io/sidecar-env-vars", "_A-b.9=1;.C=2"),
    ] {
      let sample = try PodSample("minimal")
      var pod = sample.pod
      pod["metadata"] = ["name": "web", "namespace": "shop", "annotations": [key: .string(value)]]
      let answer = try await Injecting.answer(.object(pod), in: sample.namespace)
      #expect(answer.refusal == nil, "\(key): \(value)")
    }
  }

  @Test("Only new pods are injected")
  func others() async throws {
    let sample = try PodSample("minimal")
    let answer = try await Injecting.answer(.object(sample.pod), in: sample.namespace, operation: "UPDATE")
    #expect(answer.refusal?.code == 400)
    let service = Question(kind: "Service", group: "", namespace: "shop", object: "{metadata: {name: web}}")
    #expect(try await service.answer(.injection).refusal?.code == 400)
  }
}
