import FileWatch
package import Foundation
package import Logging
import Notifications
import ServiceLifecycle
import Synchronization

/// The certificate of servers, which changes while they run. Servers take the newest one for each new connection; open connections
/// stay.
///
/// A certificate of files is read again when the files change. A certificate that an authority of this program has signed is renewed
/// after two thirds of its time, and when the machine has got further names; clients trust the authority and do not notice.
package final class ReloadableCertificate: Service {
  /// Where the certificate comes from.
  package enum Source: Sendable {
    /// Files in PEM form, which an operator replaces.
    case files(certificate: String, key: String)
    /// An authority, which signs it for the current names and addresses of the machine.
    case authority(CertificateAuthority, hosts: @Sendable () -> [String])
    /// It never changes.
    case fixed(ServerCertificate)
  }

  private struct State {
    var certificate: ServerCertificate
    var generation = 1
    var warning: String?
    /// Since when the files hold no certificate with its key, and whether that was logged.
    var failure: (since: ContinuousClock.Instant, isLogged: Bool)?
  }

  /// How long a signed certificate is valid, in seconds.
  private static let lifetime: TimeInterval = 365 * 86_400
  /// After a longer wait, a corrected clock or a new address of the machine would be noticed too late.
  private static let longestWait: TimeInterval = 86_400
  /// How long a certificate and its key may not fit while an operator replaces one file after the other.
  private static let patience = Duration.seconds(10)

  private let source: Source
  private let use: CertificateUse
  private let logger: Logger
  private let replacements = Broadcast<ServerCertificate>()
  private let state: Mutex<State>

  /// Reads or makes the certificate.
  ///
  /// - Parameter use: what the certificate is for.
  package init(
    _ source: Source, use: CertificateUse, logger: Logger, now: Date = Date()
  ) throws(ServerCertificate.Failure) {
    self.source = source
    self.use = use
    self.logger = logger
    let certificate =
      switch source {
      case .files(let certificate, let key): try ServerCertificate.load(certificateFile: certificate, keyFile: key)
      case .authority(let authority, let hosts): try Self.sign(by: authority, hosts: hosts(), now: now)
      case .fixed(let certificate): certificate
      }
    state = Mutex(State(certificate: certificate))
  }

  /// The newest certificate.
  package var current: ServerCertificate { state.withLock { $0.certificate } }

  /// The newest certificate, and its number: a larger one is newer.
  package var numbered: (certificate: ServerCertificate, generation: Int) {
    state.withLock { ($0.certificate, $0.generation) }
  }

  /// What clients have to trust, as PEM: the authority that has signed the certificate. For a certificate of files, it is the last
  /// one in the file, which is that of an authority, or the server's own if there is only one.
  package var authorityPEM: String {
    if case .authority(let authority, _) = source { return authority.certificatePEM }
    return current.lastOfChain
  }

  /// The certificates that replace the current one, from now on. A slow reader gets the newest alone.
  package func changes() -> AsyncStream<ServerCertificate> { replacements.stream() }

  /// Keeps the certificate up to date and warns about its dates, until the service group shuts down.
  package func run() async throws {
    await cancelWhenGracefulShutdown { await self.follow() }
    // If a service returns, the service group stops the program.
    try? await gracefulShutdown()
  }

  private func follow() async {
    await FileWatch.follow(folders) { period in .seconds(self.update(filePeriod: period / .seconds(1))) }
  }

  /// The folders of the files.
  private var folders: Set<String> {
    guard case .files(let certificate, let key) = source else { return [] }
    return [FileWatch.folder(of: certificate), FileWatch.folder(of: key)]
  }

  // MARK: Changes

  /// Brings the certificate up to date.
  ///
  /// - Parameter filePeriod: after how many seconds files are to be read again.
  /// - Returns: how many seconds nothing is to be done, unless a file changes.
  func update(
    now: Date = Date(), filePeriod: TimeInterval = FileWatch.watchedPeriod / .seconds(1)
  ) -> TimeInterval {
    var wait = Self.longestWait
    switch source {
    case .files(let certificate, let key):
      wait = reload(certificate, key, now: now) ? filePeriod : 1
    case .authority(let authority, let hosts): renew(by: authority, hosts: hosts(), now: now)
    case .fixed: break
    }
    warn(now: now)
    let times = [limiting.nextWarning(after: now), renewal].compactMap { $0?.timeIntervalSince(now) }
    return max(1, times.reduce(wait) { min($0, $1) })
  }

  /// Reads the files again.
  ///
  /// - Returns: whether they hold a certificate with its key.
  private func reload(_ certificateFile: String, _ keyFile: String, now: Date) -> Bool {
    do throws(ServerCertificate.Failure) {
      let read = try ServerCertificate.load(certificateFile: certificateFile, keyFile: keyFile)
      // The first one is taken as it is, with a warning; but one that has ended must not take the place of one that has not.
      if read.hasExpired(now: now), !current.hasExpired(now: now) {
        throw ServerCertificate.Failure(description: "the certificate in \(certificateFile) has expired")
      }
      let isNew = state.withLock { state in
        state.failure = nil
        return state.certificate != read
      }
      if isNew { replace(by: read, "the certificate of the \(use.server) was replaced in its file") }
      return true
    } catch {
      let time = ContinuousClock.now
      let isDue = state.withLock { state in
        let since = state.failure?.since ?? time
        let isDue = since.duration(to: time) >= Self.patience && state.failure?.isLogged != true
        state.failure = (since, isDue || state.failure?.isLogged == true)
        return isDue
      }
      if isDue {
        logger.error(
          "the files of the certificate of the \(use.server) have changed and cannot be used; the earlier certificate stays",
          metadata: ["error": "\(error)"])
      }
      return false
    }
  }

  private func renew(by authority: CertificateAuthority, hosts: [String], now: Date) {
    let isDue = (renewal.map { now >= $0 } ?? true) || !(current.names ?? []).isSuperset(of: Self.names(hosts))
    guard isDue else { return }
    do {
      let signed = try Self.sign(by: authority, hosts: hosts, now: now)
      replace(by: signed, "the certificate of the \(use.server) was renewed")
    } catch {
      logger.error(
        "the certificate of the \(use.server) cannot be renewed; the earlier one stays", metadata: ["error": "\(error)"]
      )
    }
  }

  private func replace(by certificate: ServerCertificate, _ sentence: String) {
    state.withLock { state in
      state.certificate = certificate
      state.generation += 1
    }
    let end = certificate.validity.map { "\($0.upperBound.formatted(.iso8601))" } ?? "unknown"
    logger.info("\(sentence)", metadata: ["expires": "\(end)", "names": "\((certificate.names ?? []).sorted())"])
    replacements.send(certificate)
  }

  /// When a certificate that is renewed here is due.
  private var renewal: Date? {
    guard case .authority = source, let validity = current.validity else { return nil }
    let length = validity.upperBound.timeIntervalSince(validity.lowerBound)
    return validity.lowerBound.addingTimeInterval(length * 2 / 3)
  }

  private static func sign(
    by authority: CertificateAuthority, hosts: [String], now: Date
  ) throws(ServerCertificate.Failure) -> ServerCertificate {
    do {
      // It must not have the name of its authority: a certificate with one name in both places signs itself.
      return try authority.issue(commonName: "kuma-cp", hosts: names(hosts), lifetime: lifetime, now: now)
    } catch {
      throw ServerCertificate.Failure(description: "no certificate can be signed: \(error)")
    }
  }

  /// The names and addresses of a certificate for hosts, each in its usual form; those of this machine alone come first.
  private static func names(_ hosts: [String]) -> [String] {
    (["localhost", "127.0.0.1", "::1"] + hosts).compactMap(CertificateTemplate.name(of:))
  }

  // MARK: Warnings

  /// The certificate whose end an operator has to care about: nobody else renews an authority, or files.
  private var limiting: ServerCertificate {
    guard case .authority(let authority, _) = source else { return current }
    return ServerCertificate(certificatePEM: authority.certificatePEM, privateKeyPEM: "")
  }

  private func warn(now: Date) {
    let warning = limiting.warning(now: now, use: use)
    let isNew = state.withLock { state in
      defer { state.warning = warning }
      return state.warning != warning
    }
    if let warning, isNew { logger.warning("\(warning)") }
  }
}
