import Documents
import Foundation
package import KubernetesAPI
import OrderedCollections

/// The objects by which the API server knows that it has to ask the admission server. Their names are Kuma's.
package enum WebhookConfiguration {
  /// The kinds of these objects, each with the name of ours.
  package static let all: [(kind: KubernetesKind, name: String)] = [
    (.mutatingWebhookConfiguration, "kuma-admission-mutating-webhook-configuration"),
    (.validatingWebhookConfiguration, "kuma-validating-webhook-configuration"),
  ]

  /// What has to change so that every webhook of a configuration trusts certificates; empty when nothing has to.
  ///
  /// The patch fails if the webhooks have changed places meanwhile.
  ///
  /// - Parameter bundle: the certificates as PEM.
  package static func patch(of object: KubernetesObject, trusting bundle: String) -> [JSONPatchOperation] {
    let value = DocumentValue.string(Data(bundle.utf8).base64EncodedString())
    var patch: [JSONPatchOperation] = []
    for (index, webhook) in (object["webhooks"]?.array ?? []).enumerated() {
      guard let name = webhook["name"], webhook["clientConfig"]?["caBundle"] != value else { continue }
      patch.append(.test(["webhooks", String(index), "name"], name))
      patch.append(.add(["webhooks", String(index), "clientConfig", "caBundle"], value))
    }
    return patch
  }
}
