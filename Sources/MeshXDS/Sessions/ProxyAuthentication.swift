package import MeshModel

/// What a peer shows to prove which proxy it is: in the first request of a stream, or for its bootstrap.
package struct ProxyProof: Sendable {
  /// Which proxy it says to be: Envoy's node id.
  package var nodeID: String
  /// The token that it shows; `nil` for none.
  package var token: String?

  /// Makes a proof.
  package init(nodeID: String, token: String?) {
    self.nodeID = nodeID
    self.token = token
  }
}

/// Checks which proxy a peer is. Streams and bootstrap requests ask the same one.
package protocol ProxyAuthenticating: Sendable {
  /// Checks a proof. Who passes may not speak for every Dataplane: that is asked of the authority.
  ///
  /// - Throws: a refusal whose ``SessionRefusal/reason`` is for the log of the control plane only.
  func authenticate(_ proof: ProxyProof) async throws(SessionRefusal) -> ProxyAuthority
  /// Yields after a change by which ``ProxyAuthority/revocation`` of an accepted proof may have another result.
  func changes() -> AsyncStream<Void>
  /// What a proxy without a token is told for its bootstrap.
  var tokenRequired: String { get }
}

/// What a proxy may speak for.
package struct ProxyAuthority: Sendable {
  /// Identifies the token, if it has an id. It is no secret.
  package var tokenID: String?
  /// Whether the proxy may bring a Dataplane along. A pod's Dataplane follows from the pod.
  package var bringsDataplane = true
  /// Whether there has to be a Dataplane before the proxy is served, because the token is for Dataplanes with certain tags.
  package var needsDataplane = false
  /// Why the token does not count any more; `nil` while it does. That it expires is no reason: open streams stay, as in Kuma.
  package var revocation: @Sendable () -> String? = { nil }
  /// Why the proxy may not speak for a Dataplane.
  private let check: @Sendable (Resource) -> String?

  /// Makes an authority.
  ///
  /// - Parameter refusal: why the proxy may not speak for a Dataplane; `nil` if it may. For the log only.
  package init(tokenID: String? = nil, refusal: @escaping @Sendable (_ dataplane: Resource) -> String?) {
    self.tokenID = tokenID
    check = refusal
  }

  /// The authority of everybody where nobody has to prove anything.
  package static let unlimited = ProxyAuthority { _ in nil }

  /// The refusal of a proxy that may not speak for the Dataplane that it brings; `nil` if it may.
  package func refusal(ofBrought dataplane: Resource) -> SessionRefusal? {
    check(dataplane).map { .unauthenticated($0) }
  }

  /// The refusal of a proxy that may not speak for the Dataplane that is stored under its name; `nil` if it may.
  package func refusal(ofStored dataplane: Resource) -> SessionRefusal? {
    check(dataplane).map { .unauthenticated("the stored Dataplane: \($0)") }
  }

  /// The refusal of a proxy that may not replace the Dataplane that is stored under its name, whoever wrote it; `nil` if it may.
  /// Source of the text: Kuma 2.7.
  package func refusal(ofReplacing dataplane: Resource) -> SessionRefusal? {
    check(dataplane).map { reason in
      SessionRefusal(
        code: .permissionDenied,
        message: "you are trying to override existing proxy to which you don't have an access.",
        reason: "the stored Dataplane: \(reason)")
    }
  }
}

extension SessionRefusal {
  /// A proxy does not prove who it is.
  ///
  /// - Parameter reason: why, for the log only.
  package static func unauthenticated(_ reason: String) -> SessionRefusal {
    SessionRefusal(
      code: .unauthenticated,
      message: "authentication failed: the token does not open this proxy; the log of the control plane says why",
      reason: "authentication failed: \(reason)")
  }

  /// A pod's proxy describes itself. A pod's Dataplane says what the pod is; what a proxy says of itself could be more.
  package static let ofBroughtDataplane = SessionRefusal(
    code: .permissionDenied,
    message:
      "the proxy brings a Dataplane along, but those of pods are made by the control plane; start kuma-dp without "
      + "--dataplane and --dataplane-file")
}
