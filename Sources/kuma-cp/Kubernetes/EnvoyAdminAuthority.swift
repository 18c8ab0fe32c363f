import EnvoyInspection
import KubernetesAPI
import Logging
import MeshKubernetes
import MeshPolicy
import ServiceLifecycle

/// Gives the Envoys of pods and this control plane the certificates by which they know each other: see ``EnvoyAdminCertificates``.
/// The first control plane of a cluster makes them.
struct EnvoyAdminAuthority: Service {
  let client: KubernetesClient
  let namespace: String
  let logger: Logger
  /// Takes what Envoys and this control plane need.
  let use: @Sendable (AdminAccess, AdministrationCredentials) async -> Void

  /// Finds the certificates, or makes them. Tries again until that succeeds; until then no Envoy of a pod can be asked.
  func run() async throws {
    await cancelWhenGracefulShutdown { await find() }
    // A service that ends ends all others.
    try? await gracefulShutdown()
  }

  private func find() async {
    var reported: String?
    await tryUntilDone {
      let certificates = try await fetch()
      let own = try certificates.client()
      let access = certificates.access
      await use(
        access,
        try AdministrationCredentials(
          certificate: own.certificatePEM, privateKey: own.privateKeyPEM, authority: access.clientAuthority))
    } failed: { error in
      let reason = "\(error)"
      guard reported != reason else { return }
      logger.warning(
        "the certificates for the administration of Envoys cannot be read; the Envoys of pods cannot be inspected, and jobs do not end",
        metadata: ["secret": "\(namespace)/\(EnvoyAdminCertificates.secretName)", "error": "\(reason)"])
      reported = reason
    }
  }

  private func fetch() async throws -> EnvoyAdminCertificates {
    let (present, isNew) = try await client.findOrCreate(
      .secret, namespace: namespace, name: EnvoyAdminCertificates.secretName
    ) { try EnvoyAdminCertificates.make().secret(namespace: namespace) }
    if isNew { log("made") }
    guard let (certificates, isChanged) = try EnvoyAdminCertificates.read(present) else {
      throw KubernetesError(
        code: .unreadable,
        message:
          "the Secret holds no certificate of an authority with its key, in PEM form, under \"value\"; delete it, and "
          + "a new one is made")
    }
    guard isChanged else { return certificates }
    // If another control plane was faster, this fails, and is tried again with what that one has written.
    _ = try await client.replace(.secret, certificates.secret(namespace: namespace, replacing: present))
    log("renewed")
    return certificates
  }

  private func log(_ what: String) {
    logger.info(
      "the certificates for the administration of Envoys are \(what)",
      metadata: ["secret": "\(namespace)/\(EnvoyAdminCertificates.secretName)"])
  }
}
