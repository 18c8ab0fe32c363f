import Documents
import Foundation
import HTTPService
import KubernetesAPI
import Logging
import MeshKubernetes
import MeshPolicy
import MeshXDS
import Synchronization

/// Checks that a peer is the pod whose proxy it says to be: by the token of the pod's service account, which the API server
/// reviews. Source of the rules and texts: Kuma 2.7.
final class PodAuthenticator: ProxyAuthenticating {
  /// Source of the first sentence: Kuma 2.7.
  let tokenRequired =
    "Dataplane Token is required. In a pod it is the token of the pod's service account: name its file in "
    + "KUMA_DATAPLANE_RUNTIME_TOKEN_PATH or --dataplane-token-file"
  private let client: KubernetesClient
  private let logger: Logger
  private let tokens = Mutex(ReviewedTokens())
  private let start = ContinuousClock.now
  /// Proxies that return together share the API server with everything else that this control plane asks it.
  private let turns = FairTurns(16)

  init(client: KubernetesClient, logger: Logger) {
    self.client = client
    self.logger = logger
  }

  /// Nothing changes: the API server is asked again when a stream opens.
  func changes() -> AsyncStream<Void> { AsyncStream { _ in } }

  /// Checks who a peer is.
  ///
  /// - Returns: an authority for the Dataplane of the pod, which the control plane makes.
  /// - Throws: why it is refused, or `unavailable` while the API server cannot be asked.
  func authenticate(_ proof: ProxyProof) async throws(SessionRefusal) -> ProxyAuthority {
    var authority = ProxyAuthority.unlimited
    authority.bringsDataplane = false
    try await check(proof.nodeID, proof.token)
    return authority
  }

  private func check(_ nodeID: String, _ token: String?) async throws(SessionRefusal) {
    guard let proxy = ProxyID(nodeID: nodeID), let pod = PodReference(dataplane: proxy.name) else {
      throw .unauthenticated("\(nodeID.quoted) does not name a proxy of a pod; its form is <mesh>.<pod>.<namespace>")
    }
    guard let token, !token.isEmpty else {
      throw .unauthenticated(
        "token doesn't belong to a valid user: the proxy shows none; its kuma-dp needs the file of the pod's token in "
          + "KUMA_DATAPLANE_RUNTIME_TOKEN_PATH")
    }
    let owner = try await owner(of: token)
    if let fault = owner.fault(for: pod, serviceAccount: nil) { throw .unauthenticated(fault) }
    guard owner.pod == nil else { return }
    if let fault = owner.fault(for: pod, serviceAccount: try await serviceAccount(of: pod)) {
      throw .unauthenticated(fault)
    }
  }

  private var now: Duration { start.duration(to: .now) }

  /// Whose token it is.
  private func owner(of token: String) async throws(SessionRefusal) -> TokenOwner {
    let knowledge = tokens.withLock { $0.knowledge(of: token, at: now) }
    if case .recent(let owner) = knowledge { return owner }
    switch await review(token) {
    case .success(let owner?):
      tokens.withLock { $0.accept(token, of: owner, at: now, seconds: Int64(Date().timeIntervalSince1970)) }
      return owner
    case .success(nil):
      tokens.withLock { $0.refuse(token) }
      throw .unauthenticated("token doesn't belong to a valid user")
    case .failure(let error):
      if case .old(let owner) = knowledge { return owner }
      logger.error("the tokens of proxies cannot be reviewed", metadata: ["error": "\(error)"])
      throw SessionRefusal(
        code: .unavailable,
        message: "authentication failed: could not call Kubernetes API Server to verify dataplane token")
    }
  }

  private func review(_ token: String) async -> Result<TokenOwner?, KubernetesError> {
    await turns.run { [client] in
      do throws(KubernetesError) {
        return .success(TokenReview.owner(in: try await client.create(TokenReview.kind, TokenReview.question(token))))
      } catch {
        return .failure(error)
      }
    }
  }

  /// The name of a pod's service account.
  private func serviceAccount(of pod: PodReference) async throws(SessionRefusal) -> String {
    let failure = "could not retrieve Pod \(pod.namespace)/\(pod.name) to verify identity of a dataplane proxy"
    let found: [KubernetesObject]
    do throws(KubernetesError) {
      found = try await client.list(.pod, namespace: pod.namespace, name: pod.name).objects
    } catch {
      logger.error("the pod of a proxy cannot be read", metadata: ["error": "\(error)"])
      throw SessionRefusal(code: .unavailable, message: "authentication failed: \(failure)")
    }
    guard let object = found.first else { throw .unauthenticated("\(failure): there is no such pod") }
    return object.serviceAccountName
  }
}
