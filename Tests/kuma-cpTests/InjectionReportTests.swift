import Logging
import MeshKubernetes
import MeshModel
import OrderedCollections
import TestSupport
import Testing

@testable import kuma_cp

@Suite("Warnings about pods that controllers create")
struct InjectionReportTests {
  private func request(_ pod: String, owner: Bool) throws -> AdmissionRequest {
    let owners: DocumentValue = owner ? [["kind": "ReplicaSet", "name": "web-1"]] : []
    return try AdmissionRequest(review: [
      "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
      "request": [
        "uid": "u", "operation": "CREATE", "namespace": "shop", "kind": ["version": "v1", "kind": "Pod"],
        "object": ["metadata": ["generateName": .string(pod), "ownerReferences": owners]],
      ],
    ])
  }

  @Test("are logged once, with the pod; those about pods of users are printed by kubectl")
  func report() throws {
    let records = LogRecorder()
    let report = InjectionReport(logger: records.logger(.info))
    let warned = AdmissionAnswer.allowed(warnings: ["one", "two"])
    report.note(warned, about: try request("web-1-", owner: false))
    #expect(records.lines.isEmpty)
    for _ in 0..<3 { report.note(warned, about: try request("web-1-", owner: true)) }
    report.note(.allowed(), about: try request("web-1-", owner: true))
    report.note(.failed(500, "no"), about: try request("web-1-", owner: true))
    report.note(warned, about: try request("api-1-", owner: true))
    let told = records.lines.map { "\($0.message): \($0.metadata["pod"] ?? "") \($0.metadata["reason"] ?? "")" }
    #expect(
      told == [
        "a pod does not get all that it asks for: shop/web-1- one",
        "a pod does not get all that it asks for: shop/web-1- two", "a pod is refused: shop/web-1- no",
        "a pod does not get all that it asks for: shop/api-1- one",
        "a pod does not get all that it asks for: shop/api-1- two",
      ])
  }
}
