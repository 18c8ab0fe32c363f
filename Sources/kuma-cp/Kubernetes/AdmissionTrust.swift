import Certificates
import Documents
import Foundation
import HTTPService
import KubernetesAPI
import Logging
import MeshKubernetes
import NIOSSL
import Notifications
import ServiceLifecycle
import Synchronization

/// Keeps the certificate of the admission server, and what the API server trusts, in step.
///
/// The certificates are in a Secret that all control planes of the cluster share. Whoever comes first makes them; whoever sees
/// first that they are to be renewed renews them. New connections get the newest certificate. The leader puts the authority into
/// the webhook configurations, and again whenever somebody changes these.
final class AdmissionTrust: Service, TLSSource {
  /// There is no certificate for a connection.
  struct NoCertificate: Error {}

  private struct State {
    var context: NIOSSLContext?
    /// What the context was made of.
    var certificate = ""
    /// The certificates that the API server has to trust, as PEM; empty where that is not this control plane's to say.
    var bundle = ""
    /// Why there is no certificate, or an old one.
    var trouble: String?
    /// The warning about dates that was last logged.
    var warning: String?
    /// The webhook configurations that were last reported as missing.
    var missing: Set<String> = []
  }

  /// The longest wait. After a longer one, a corrected clock would be noticed too late.
  private static let longestWait = Duration.seconds(86_400)
  /// How often files are read again.
  private static let filePeriod = Duration.seconds(10)
  /// How long to wait after a failure, or while another control plane should act.
  private static let retryPeriod = Duration.seconds(5)
  /// The name under which the API server keeps who set a field.
  private static let fieldManager = "kuma-cp-admission"

  private let settings: AdmissionServer.Settings
  private let client: KubernetesClient
  private let isLeader: @Sendable () -> Bool
  private let logger: Logger
  /// The Secret; `nil` where certificates come from files.
  private let secret: KindReplica?
  private let configurations: [(name: String, replica: KindReplica)]
  private let wakeUps = WakeUps()
  private let state = Mutex(State())
  private let refusals: HandshakeReport

  init(
    _ settings: AdmissionServer.Settings, client: KubernetesClient, isLeader: @escaping @Sendable () -> Bool,
    logger: Logger
  ) {
    self.settings = settings
    self.client = client
    self.isLeader = isLeader
    self.logger = logger
    refusals = HandshakeReport(logger: logger)
    secret =
      settings.certificateFolder == nil
      ? KindReplica(
        client: client, kind: .secret, namespace: settings.systemNamespace, name: AdmissionSecret.name, logger: logger
      ) { [wakeUps] _ in wakeUps.wake() } : nil
    configurations = WebhookConfiguration.all.map { [wakeUps] kind, name in
      (name, KindReplica(client: client, kind: kind, name: name, logger: logger) { _ in wakeUps.wake() })
    }
  }

  /// The TLS configuration of a new connection.
  func context() throws(NoCertificate) -> NIOSSLContext {
    guard let context = state.withLock({ $0.context }) else { throw NoCertificate() }
    return context
  }

  func handshakeFailed(_ error: any Error, from caller: Caller) { refusals.note(error, from: caller) }

  /// Why there is no certificate; `nil` when there is one.
  func obstacle() -> String? {
    state.withLock { state in
      guard state.context == nil else { return nil }
      return "the admission server has no certificate yet: \(state.trouble ?? "its Secret is not read yet")"
    }
  }

  // MARK: Running

  func run() async throws {
    await cancelWhenGracefulShutdown {
      await withTaskGroup(of: Void.self) { group in
        for replica in self.configurations.map(\.replica) + [self.secret].compactMap({ $0 }) {
          group.addTask { await replica.run() }
        }
        group.addTask { await self.follow() }
        await group.waitForAll()
      }
    }
  }

  private func follow() async {
    wakeUps.wake()
    await wakeUps.run { await self.update() }
  }

  /// Brings everything up to date.
  ///
  /// - Returns: how long nothing is to be done, unless something changes.
  private func update() async -> Duration {
    let wait = settings.certificateFolder.map(readFiles(in:))
    let next: Duration
    if let wait { next = wait } else { next = await updateSecret() }
    return min(next, await updateConfigurations())
  }

  // MARK: Certificates

  private func readFiles(in folder: String) -> Duration {
    let path = URL(filePath: folder, directoryHint: .isDirectory)
    func file(_ name: String) -> String { path.appending(path: name).path(percentEncoded: false) }
    do throws(ServerCertificate.Failure) {
      let certificate = try ServerCertificate.load(certificateFile: file("tls.crt"), keyFile: file("tls.key"))
      use(certificate, bundle: (try? String(contentsOfFile: file("ca.crt"), encoding: .utf8)) ?? "")
    } catch {
      report(error.description)
    }
    return Self.filePeriod
  }

  private func updateSecret() async -> Duration {
    guard let secret, secret.isSynchronized else {
      if let trouble = secret?.trouble { state.withLock { $0.trouble = trouble.message } }
      return Self.longestWait
    }
    let present = secret.object(namespace: settings.systemNamespace, name: AdmissionSecret.name)
    var certificates = present.flatMap(AdmissionSecret.certificates(in:))
    do {
      // What is there is used, even where it is to be renewed and cannot be.
      if let certificates { use(certificates.server, bundle: certificates.bundle) }
      if let due = try certificates.map({ try $0.renewed(hosts: settings.hosts) }) ?? .make(hosts: settings.hosts) {
        try await write(due, replacing: present, in: secret)
        use(due.server, bundle: due.bundle)
        certificates = due
      }
      let seconds = certificates?.nextRenewal().timeIntervalSinceNow ?? 0
      return min(Self.longestWait, .seconds(max(1, seconds)))
    } catch let error as KubernetesError where error.code == .conflict || error.code == .alreadyExists {
      // Another control plane was first; the replica will say what it has written.
      return Self.retryPeriod
    } catch {
      report("\(error)")
      return Self.retryPeriod
    }
  }

  private func write(
    _ certificates: AdmissionCertificates, replacing present: KubernetesObject?, in secret: KindReplica
  ) async throws(KubernetesError) {
    let object = AdmissionSecret.object(certificates, namespace: settings.systemNamespace, replacing: present)
    let written =
      present == nil ? try await client.create(.secret, object) : try await client.replace(.secret, object)
    secret.note(stored: written)
    logger.info(
      present == nil
        ? "the certificates of the admission server are made" : "the certificates of the admission server are renewed",
      metadata: ["secret": "\(settings.systemNamespace)/\(AdmissionSecret.name)"])
  }

  private func use(_ certificate: ServerCertificate, bundle: String) {
    let isKnown = state.withLock { $0.certificate == certificate.certificatePEM }
    do {
      let context = isKnown ? nil : try certificate.makeContext(protocols: ["http/1.1"])
      state.withLock { state in
        if let context { state.context = context }
        state.certificate = certificate.certificatePEM
        state.bundle = bundle
        state.trouble = nil
      }
    } catch {
      report("the certificate cannot be used: \(error)")
    }
    let warning = certificate.warning(
      use: CertificateUse(
        server: AdmissionServer.name, effect: "the API server refuses to connect, and writes fail",
        remedy: "put a new one into \(settings.certificateFolder ?? "the Secret \(AdmissionSecret.name)")"))
    let isNew = state.withLock { state in
      defer { state.warning = warning }
      return state.warning != warning
    }
    if let warning, isNew { logger.warning("\(warning)") }
  }

  private func report(_ trouble: String) {
    let isNew = state.withLock { state in
      defer { state.trouble = trouble }
      return state.trouble != trouble
    }
    if isNew {
      logger.error("the certificate of the admission server cannot be updated", metadata: ["error": "\(trouble)"])
    }
  }

  // MARK: Webhook configurations

  /// Says once that a configuration is not there, and again when it was there meanwhile.
  private func reportMissingConfigurations() {
    let missing = Set(configurations.filter { $0.replica.isSynchronized && $0.replica.objects.isEmpty }.map(\.name))
    let new = state.withLock { state in
      defer { state.missing = missing }
      return missing.subtracting(state.missing)
    }
    for name in new.sorted() {
      logger.warning(
        "there is no such webhook configuration: objects are stored unchecked, and kubectl prints no warnings",
        metadata: ["configuration": "\(name)", "remedy": "apply the manifest of kumactl install control-plane"])
    }
  }

  private func updateConfigurations() async -> Duration {
    reportMissingConfigurations()
    let bundle = state.withLock { $0.bundle }
    guard !bundle.isEmpty else { return Self.longestWait }
    var wait = Self.longestWait
    for (_, replica) in configurations {
      for object in replica.objects {
        let patch = WebhookConfiguration.patch(of: object, trusting: bundle)
        guard !patch.isEmpty else { continue }
        guard isLeader() else {
          wait = Self.retryPeriod
          continue
        }
        do throws(KubernetesError) {
          replica.note(
            stored: try await client.patch(
              replica.kind, name: object.name, .json(patch.map(\.document)), fieldManager: Self.fieldManager))
          logger.info(
            "the API server is told to trust the admission server", metadata: ["configuration": "\(object.name)"])
        } catch {
          logger.warning(
            "the webhook configuration cannot be changed; the API server does not trust the admission server",
            metadata: ["configuration": "\(object.name)", "error": "\(error.message)"])
          wait = Self.retryPeriod
        }
      }
    }
    return wait
  }
}
