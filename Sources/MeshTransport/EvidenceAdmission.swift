package import MeshModel
package import MeshXDS

/// Checks whose evidence is taken: of proxies only that prove who they are as for a stream, and that have a stream here or a Dataplane.
package struct EvidenceAdmission: Sendable {
  /// What the control plane knows of proxies.
  package struct Resources: Sendable {
    /// Whether a stream of a proxy is open here.
    package var isConnected: @Sendable (_ mesh: String, _ name: String) -> Bool
    /// Finds a Dataplane by mesh and name; `nil` when there is none.
    package var dataplane: @Sendable (_ mesh: String, _ name: String) async throws -> Dataplane?

    /// Names them.
    package init(
      isConnected: @escaping @Sendable (_ mesh: String, _ name: String) -> Bool,
      dataplane: @escaping @Sendable (_ mesh: String, _ name: String) async throws -> Dataplane?
    ) {
      self.isConnected = isConnected
      self.dataplane = dataplane
    }
  }

  /// A proxy that has passed.
  struct Pass: Sendable {
    /// Whether it has a stream here.
    var isConnected: Bool
    /// What it may speak for.
    var authority: ProxyAuthority
  }

  private let resources: Resources
  private let authenticator: (any ProxyAuthenticating)?

  /// - Parameter authenticator: checks which proxy reports; `nil` where nobody has to prove anything.
  package init(resources: Resources, authenticator: (any ProxyAuthenticating)? = nil) {
    self.resources = resources
    self.authenticator = authenticator
  }

  /// Checks who reports.
  ///
  /// - Parameter authorization: a field `authorization`, with or without the name of its scheme; `nil` for none.
  func check(mesh: String, name: String, authorization: String?) async throws(SessionRefusal) -> Pass {
    var authority = ProxyAuthority.unlimited
    if let authenticator {
      guard let token = authorization.map(Self.bearer), !token.isEmpty else {
        throw SessionRefusal(
          code: .unauthenticated, message: authenticator.tokenRequired, reason: "the proxy shows no token")
      }
      authority = try await authenticator.authenticate(ProxyProof(nodeID: "\(mesh).\(name)", token: token))
    }
    let isConnected = resources.isConnected(mesh, name)
    // Most tokens are for a name, which is checked already.
    guard !isConnected || authority.needsDataplane else { return Pass(isConnected: true, authority: authority) }
    let dataplane: Dataplane?
    do {
      dataplane = try await resources.dataplane(mesh, name)
    } catch {
      throw SessionRefusal(code: .unavailable, message: "the control plane's store does not answer: \(error)")
    }
    guard let dataplane else {
      throw SessionRefusal(
        code: .notFound,
        message:
          "there is no Dataplane \(name.quoted) in the mesh \(mesh.quoted), and no such proxy is connected here; send the "
          + "report again when it is")
    }
    let resource = Resource(mesh: mesh, name: name, spec: .dataplane(dataplane))
    if let refusal = authority.refusal(ofStored: resource) { throw refusal }
    return Pass(isConnected: isConnected, authority: authority)
  }

  /// The token of a field `Authorization`, with or without the name of its scheme (RFC 6750, section 2.1).
  private static func bearer(_ field: String) -> String {
    let scheme = "bearer "
    guard field.utf8.count > scheme.utf8.count, field.prefix(scheme.count).lowercased() == scheme else { return field }
    return String(field.dropFirst(scheme.count))
  }
}
