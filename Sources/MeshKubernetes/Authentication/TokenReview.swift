import Documents
package import KubernetesAPI
import OrderedCollections

/// A question to the API server whose token something is.
package enum TokenReview {
  /// The kind.
  package static let kind = KubernetesKind(
    group: "authentication.k8s.io", version: "v1", kind: "TokenReview", plural: "tokenreviews", isNamespaced: false)

  /// The question.
  package static func question(_ token: String) -> KubernetesObject {
    KubernetesObject([
      "apiVersion": .string(kind.apiVersion), "kind": .string(kind.kind), "spec": ["token": .string(token)],
    ])
  }

  /// Reads the API server's answer.
  ///
  /// - Returns: who the token belongs to; `nil` if it belongs to nobody: it is not the cluster's, has expired or was revoked.
  package static func owner(in answer: KubernetesObject) -> TokenOwner? {
    let status = answer["status"]
    guard status?["authenticated"]?.bool == true else { return nil }
    let user = status?["user"]
    return TokenOwner(
      username: user?["username"]?.string ?? "",
      pod: user?["extra"]?["authentication.kubernetes.io/pod-name"]?.array?.first?.string)
  }
}

/// Who a token belongs to, as the API server says.
package struct TokenOwner: Sendable, Hashable {
  /// The name of the user.
  package var username: String
  /// The pod for which the token was issued; `nil` for a token that is not bound to a pod.
  package var pod: String?

  /// Describes an owner.
  package init(username: String, pod: String?) {
    self.username = username
    self.pod = pod
  }

  /// Why a token of this owner does not open the proxy of a pod; `nil` if it does.
  ///
  /// A token that is bound to a pod ends with it and has its service account, so the pod has to be looked up only for others.
  /// Source of the texts: Kuma 2.7, save that about the pod.
  ///
  /// - Parameter serviceAccount: of the pod; `nil` for a token that is bound to a pod.
  package func fault(for pod: PodReference, serviceAccount: String?) -> String? {
    let parts = username.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 4 else {
      return "username inside TokenReview response has unexpected format: \(username.quoted)"
    }
    guard parts[0] == "system", parts[1] == "serviceaccount" else {
      return "user \(username.quoted) is not a service account"
    }
    guard parts[2] == pod.namespace else {
      return "token belongs to a namespace \(String(parts[2]).quoted) different from proxyId \(pod.namespace.quoted)"
    }
    if let bound = self.pod, bound != pod.name {
      return "token belongs to a pod \(bound.quoted) different from proxyId \(pod.name.quoted)"
    }
    if let serviceAccount, parts[3] != serviceAccount {
      return "service account name of the pod \(serviceAccount.quoted) is different than token that was provided "
        + String(parts[3]).quoted
    }
    return nil
  }
}

extension KubernetesObject {
  /// The name of the service account of a pod. Source of the default: Kuma 2.7.
  package var serviceAccountName: String {
    let name = self["spec"]?["serviceAccountName"]?.string ?? ""
    return name.isEmpty ? "default" : name
  }
}
