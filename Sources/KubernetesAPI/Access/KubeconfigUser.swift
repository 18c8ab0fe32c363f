import Documents
import OrderedCollections

/// A user of a kubeconfig: how this process proves who it is.
struct KubeconfigUser {
  typealias Failure = KubernetesAccess.Failure

  let fields: DocumentValue.Object
  let place: Kubeconfig.Place

  /// - Parameter access: the cluster, which a plugin may ask about.
  func identity(of access: KubernetesAccess) throws(Failure) -> KubernetesAccess.Identity {
    for (field, advice) in [
      ("auth-provider", "use a plugin (exec) instead"),
      ("username", "API servers do not take passwords any more; use a token, a client certificate or a plugin (exec)"),
    ] where fields[field].map({ $0 != .null && $0.string != "" }) ?? false {
      throw place.appending(field).failure("is not supported: \(advice)")
    }
    var identity = KubernetesAccess.Identity()
    if let file = text("tokenFile") {
      identity.token = .file(place.path(file))
    } else if let token = text("token") {
      identity.token = .inline(Array(token.utf8))
    }
    switch (try source("client-certificate"), try source("client-key")) {
    case (let certificate?, let key?):
      identity.certificate = KubernetesAccess.CertificateSource(certificate: certificate, key: key)
    case (nil, nil): break
    case (_?, nil): throw place.failure("has client-certificate, but no client-key")
    case (nil, _?): throw place.failure("has client-key, but no client-certificate")
    }
    identity.impersonatedUser = text("as")
    if let groups = fields["as-groups"]?.array {
      guard identity.impersonatedUser != nil else { throw place.appending("as-groups").failure("needs the field as") }
      identity.impersonatedGroups = groups.compactMap(\.string)
    }
    for field in ["as-uid", "as-user-extra"] where fields[field].map({ $0 != .null }) ?? false {
      throw place.appending(field).failure("is not supported; leave it out")
    }
    if let plugin = fields["exec"], plugin != .null {
      identity.plugin = try ExecPlugin(plugin, place: place.appending("exec"), access: access)
    }
    return identity
  }

  private func text(_ field: String) -> String? {
    guard let text = fields[field]?.string, !text.isEmpty else { return nil }
    return text
  }

  /// Text in the field `NAME-data`, or the file that `NAME` names.
  private func source(_ field: String) throws(Failure) -> KubernetesAccess.Text? {
    if let data = text("\(field)-data") { return .inline(try place.appending("\(field)-data").decoded(data)) }
    return text(field).map { .file(place.path($0)) }
  }
}
