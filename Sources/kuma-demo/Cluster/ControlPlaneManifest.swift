import Documents
import OrderedCollections

/// The manifest of `kumactl install control-plane` for a control plane on this machine.
struct ControlPlaneManifest {
  /// Where the control plane answers the API server.
  var admissionPort: Int

  /// A policy of a mesh that does not exist: it is refused once the API server asks the control plane.
  static let question = """
    apiVersion: kuma.io/v1alpha1
    kind: TrafficTrace
    mesh: nowhere
    metadata:
      name: question
    spec:
      selectors:
      - match:
          kuma.io/service: '*'

    """

  /// The manifest without the Deployment, and with the address of the control plane in the place of its Service.
  ///
  /// - Throws: ``DemoFailure`` when it is not a manifest.
  func adapted(_ text: String) throws(DemoFailure) -> String {
    let documents: [DocumentValue]
    do throws(DocumentError) { documents = try DocumentValue.yamlDocuments(text) } catch {
      throw DemoFailure("the output of kumactl is not YAML: \(error)")
    }
    return documents.compactMap { document -> String? in
      guard var object = document.object, let kind = object["kind"]?.string, kind != "Deployment" else { return nil }
      if kind.hasSuffix("WebhookConfiguration") {
        object["webhooks"] = .array((object["webhooks"]?.array ?? []).map(adapted))
      }
      return DocumentValue.object(object).json()
    }
    .joined(separator: "\n---\n")
  }

  private func adapted(_ webhook: DocumentValue) -> DocumentValue {
    guard var webhook = webhook.object else { return webhook }
    let path = webhook["clientConfig"]?["service"]?["path"]?.string ?? "/"
    webhook["clientConfig"] = ["url": .string("https://127.0.0.1:\(admissionPort)\(path)")]
    return .object(webhook)
  }
}
