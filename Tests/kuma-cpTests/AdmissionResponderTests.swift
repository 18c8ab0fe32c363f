import Documents
import HTTPService
import HTTPTypes
import MeshKubernetes
import MeshModel
import Testing

@testable import kuma_cp

/// Requests to the admission server as HTTP.
@Suite struct AdmissionResponderTests {
  /// Knows one mesh, and may take its time to say so.
  private struct View: MeshView {
    var answers = true

    func uid(ofMesh name: String) async throws -> String? {
      // Ends when the answer is given up.
      if !answers { try await Task.sleep(for: .seconds(3_600)) }
      return "uid"
    }
    func exists(mesh name: String) async throws -> Bool { true }
    func namespace(_ name: String) async throws -> NamespaceFacts? { nil }
    func hasDataplanes(inMesh name: String) async throws -> Bool { false }
    func warnings(writing resource: Resource, notices: [FieldNotice]) async -> [String] { [] }
  }

  private static let path = "/owner-reference-kuma-io-v1alpha1"
  private static let object = """
    {"apiVersion": "kuma.io/v1alpha1", "kind": "TrafficTrace", "mesh": "m", "metadata": {"name": "t"}, "spec": {}}
    """

  private static func review(_ object: String) -> String {
    """
    {"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{"uid":"the-uid",\
    "kind":{"group":"kuma.io","version":"v1alpha1","kind":"TrafficTrace"},"operation":"CREATE","object":\(object)}}
    """
  }

  private func answer(
    _ body: String, path: String = path, method: HTTPRequest.Method = .post, type: String = "application/json",
    view: View = View()
  ) async -> Answer {
    var request = HTTPRequest(method: method, scheme: "https", authority: "cp:443", path: path)
    request.headerFields[.contentType] = type
    return await AdmissionResponder(admission: Admission(view: view, injector: Injector(settings: InjectorSettings())))
      .respond(to: request, body: Array(body.utf8))
  }

  private func document(_ answer: Answer) throws -> DocumentValue {
    #expect(answer.status == .ok)
    #expect(answer.fields[.contentType] == "application/json")
    return try DocumentValue(json: answer.body)
  }

  @Test("A question is answered, with the time limit that the API server puts behind the path")
  func question() async throws {
    let answer = await answer(Self.review(Self.object), path: Self.path + "?timeout=10s")
    let response = try document(answer)["response"]
    #expect(response?["uid"] == "the-uid")
    #expect(response?["allowed"] == true)
    #expect(response?["patchType"] == "JSONPatch")
    #expect(answer.operation == "POST /owner-reference-kuma-io-v1alpha1")
  }

  @Test("What is no question is refused as HTTP")
  func others() async {
    #expect(await answer("{}", path: "/").status == .notFound)
    let get = await answer("", method: .get)
    #expect(get.status == .methodNotAllowed)
    #expect(get.fields[.allow] == "POST")
    #expect(await answer("{}", type: "text/plain").status == .unsupportedMediaType)
    for body in ["", "x", "{}", "[]", #"{"request": {}}"#] {
      #expect(await answer(body).status == .badRequest, "\(body)")
    }
  }

  @Test("An object that cannot be read is refused with a sentence for whoever wrote it")
  func unreadable() async throws {
    let deep = String(repeating: #"{"a":"#, count: 200) + "1" + String(repeating: "}", count: 200)
    for object in [deep, "5", "{"] {
      let response = try document(await answer(Self.review(object)))["response"]
      #expect(response?["uid"] == "the-uid")
      #expect(response?["allowed"] == false)
      #expect(response?["status"]?["code"] == 400)
      #expect(response?["status"]?["message"]?.string?.hasPrefix("the object cannot be read: ") == true)
    }
  }

  @Test("An answer that takes too long says so before the API server gives up")
  func late() async throws {
    let answer = await answer(Self.review(Self.object), path: Self.path + "?timeout=1s", view: View(answers: false))
    let status = try document(answer)["response"]?["status"]
    #expect(status?["code"] == 504)
    #expect(status?["message"]?.string?.hasPrefix("the control plane could not look up in 0.5 seconds") == true)
  }
}
