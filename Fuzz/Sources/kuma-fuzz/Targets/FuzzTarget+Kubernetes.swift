import Documents
import KubernetesAPI
import MeshKubernetes
import MeshModel

extension FuzzTarget {
  /// What comes from Kubernetes.
  static let kubernetes: [FuzzTarget] = [
    FuzzTarget(
      "kubeconfig", "kubeconfig files, up to the access that they describe",
      bounds: .ofYAML,
      samples: [
        """
        current-context: a
        clusters: [{name: b, cluster: {server: "https://127.0.0.1:6443", certificate-authority-data: QQ==}}]
        users: [{name: c, user: {token: t, exec: {apiVersion: client.authentication.k8s.io/v1, command: "true"}}}]
        contexts: [{name: a, context: {cluster: b, user: c, namespace: d}}]
        """
      ]
    ) { bytes in
      let path = MemoryFile.shared.path(of: bytes)
      do throws(KubernetesAccess.Failure) {
        let access = try KubernetesAccess.kubeconfig(path: path)
        require(!access.server.isEmpty && access.origin.unicodeScalars.count <= 600, "the access has no server")
        return 1
      } catch {
        require(error.message.unicodeScalars.count <= 1_100, "a message is long: \(error.message)")
        return 0
      }
    },
    FuzzTarget(
      "admission", "questions of the API server about objects: the first byte chooses the webhook",
      samples: Admission.Question.allCases.indices.map { "\($0)" + review }
    ) { bytes in
      let questions = Admission.Question.allCases
      guard let first = bytes.first, let document = try? DocumentValue(json: bytes.dropFirst()) else {
        return AdmissionRequest.uid(in: bytes)?.utf8.count ?? 0
      }
      guard let request = try? AdmissionRequest(review: document) else { return 0 }
      let admission = Admission(view: SmallMesh(), injector: Injector(settings: InjectorSettings()))
      let question = questions[Int(first) % questions.count]
      let answer = blocking { await admission.answer(question, to: request) }.review(uid: request.uid)
      require(answer["response"]?["allowed"]?.bool != nil, "the answer allows and refuses nothing")
      return answer.json().utf8.count / 1_024
    },
  ]

  private static let review = """
    {"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"u","operation":"CREATE","name":"a",
    "namespace":"shop","kind":{"group":"kuma.io","version":"v1alpha1","kind":"TrafficTrace"},"object":{"apiVersion":
    "kuma.io/v1alpha1","kind":"TrafficTrace","mesh":"default","metadata":{"name":"a"},"spec":{"selectors":[{"match":
    {"kuma.io/service":"*"}}],"conf":{"backend":"z"}}}}}
    """
}

/// A cluster with one mesh, and one namespace whose pods get sidecars.
private struct SmallMesh: MeshView {
  func uid(ofMesh name: String) async throws -> String? { name == "default" ? "m" : nil }

  func exists(mesh name: String) async throws -> Bool { name == "default" }

  func namespace(_ name: String) async throws -> NamespaceFacts? {
    name == "shop" ? NamespaceFacts(labels: Annotations(["kuma.io/sidecar-injection": "enabled"])) : nil
  }

  func hasDataplanes(inMesh name: String) async throws -> Bool { name == "default" }

  func warnings(writing resource: Resource, notices: [FieldNotice]) async -> [String] { notices.messages }
}
