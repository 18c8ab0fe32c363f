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
    var wait = Duration.seconds(1)
    var reported: String?
    while !Task.isCancelled {
      do {
        let certificates = try await fetch()
        let own = try certificates.client()
        let access = certificates.access
        await use(
          access,
          try AdministrationCredentials(
            certificate: own.certificatePEM, privateKey: own.privateKeyPEM, authority: access.clientAuthority))
        return
      } catch {
        let reason = "\(error)"
        if reported != reason, !Task.isCancelled {
          logger.warning(
            "the certificates for the administration of Envoys cannot be read; the Envoys of pods cannot be inspected, and jobs do not end",
            metadata: ["secret": "\(namespace)/\(EnvoyAdminCertificates.secretName)", "error": "\(reason)"])
          reported = reason
        }
        try? await Task.sleep(for: wait * Double.random(in: 0.8...1.2))
        wait = min(wait * 2, .seconds(60))
      }
    }
  }

  private func fetch() async throws -> EnvoyAdminCertificates {
    guard let present = try await read() else {
      let made = try EnvoyAdminCertificates.make()
      do throws(KubernetesError) {
        _ = try await client.create(.secret, made.secret(namespace: namespace))
        log("made")
        return made
      } catch {
        // Another control plane was faster.
        guard error.code == .alreadyExists, let present = try await read() else { throw error }
        return try await take(present)
      }
    }
    return try await take(present)
  }

  /// The Secret; `nil` when there is none.
  private func read() async throws(KubernetesError) -> KubernetesObject? {
    do throws(KubernetesError) {
      return try await client.get(.secret, namespace: namespace, name: EnvoyAdminCertificates.secretName)
    } catch {
      guard error.code == .notFound else { throw error }
      return nil
    }
  }

  private func take(_ present: KubernetesObject) async throws -> EnvoyAdminCertificates {
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
