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

  @Test("Only new pods are injected")
  func others() async throws {
    let sample = try PodSample("minimal")
    let answer = try await Injecting.answer(.object(sample.pod), in: sample.namespace, operation: "UPDATE")
    #expect(answer.refusal?.code == 400)
    let service = Question(kind: "Service", group: "", namespace: "shop", object: "{metadata: {name: web}}")
    #expect(try await service.answer(.injection).refusal?.code == 400)
  }
}
