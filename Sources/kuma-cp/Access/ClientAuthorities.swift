import Certificates
import Documents
import FileWatch
import Foundation
import HTTPService
import Logging
import NIOCore
import NIOSSL
import ProgramSettings
import ServiceLifecycle
import Synchronization
import SystemErrors

/// The certificates by which the HTTPS API knows its clients. They are read again when their files change, so that a client whose
/// certificate is taken away cannot connect any more.
final class ClientAuthorities: Service {
  /// The certificates cannot be used.
  struct Failure: Error, CustomStringConvertible {
    /// What is wrong and how to fix it.
    let description: String
  }

  /// The size limit of a file in bytes.
  private static let fileLimit = 1 << 20

  private let folder: String?
  private let file: String?
  private let isRequired: Bool
  private let logger: Logger
  /// The open connections of clients.
  private let connections = Mutex<[ObjectIdentifier: any Channel]>([:])
  private let state: Mutex<(trust: ClientTrust, generation: Int, trouble: String?)>

  /// Reads the certificates.
  ///
  /// - Parameters:
  ///   - folder: a directory with files `.pem` and `.crt`; others in it are left out.
  ///   - file: a file with certificates.
  ///   - isRequired: whether clients have to show a certificate.
  init(folder: String?, file: String?, isRequired: Bool, logger: Logger) throws(Failure) {
    self.folder = folder
    self.file = file
    self.isRequired = isRequired
    self.logger = logger
    state = Mutex((try Self.read(folder: folder, file: file, isRequired: isRequired), 1, nil))
  }

  /// The newest certificates, and their number: a larger one is newer.
  var numbered: (trust: ClientTrust, generation: Int) { state.withLock { ($0.trust, $0.generation) } }

  func run() async throws {
    await cancelWhenGracefulShutdown { await self.follow() }
    try? await gracefulShutdown()
  }

  private func follow() async {
    let folders = Set([folder, file.map(FileWatch.folder(of:))].compactMap { $0 })
    guard !folders.isEmpty else { return }
    await FileWatch.follow(folders) { period in
      self.update()
      return period
    }
  }

  /// Reads the files again. What cannot be read changes nothing.
  func update() {
    do throws(Failure) {
      let trust = try Self.read(folder: folder, file: file, isRequired: isRequired)
      let isNew = state.withLock { state in
        state.trouble = nil
        guard state.trust != trust else { return false }
        state = (trust, state.generation + 1, nil)
        return true
      }
      if isNew {
        logger.info(
          "the certificates of clients of the HTTPS API have changed",
          metadata: ["certificates": "\(trust.certificates.count)"])
        closeConnections()
      }
    } catch {
      let isNew = state.withLock { state in
        defer { state.trouble = error.description }
        return state.trouble != error.description
      }
      if isNew {
        logger.error(
          "the certificates of clients cannot be read; the earlier ones stay",
          metadata: ["error": "\(error.description)"])
      }
    }
  }

  // MARK: Connections

  /// Takes a connection before its handshake, to close it when the certificate that it shows may not count any more.
  func watch(_ channel: any Channel) {
    let id = ObjectIdentifier(channel)
    connections.withLock { $0[id] = channel }
    channel.closeFuture.whenComplete { [weak self] _ in self?.connections.withLock { $0[id] = nil } }
  }

  /// Closes the connections of clients with a certificate. Those whose certificate still counts connect again.
  private func closeConnections() {
    for channel in connections.withLock({ Array($0.values) }) {
      channel.eventLoop.execute {
        let pipeline = channel.pipeline.syncOperations
        let isHandshaking = (try? pipeline.handler(type: EncryptionDetector.self)) != nil
        guard isHandshaking || (try? pipeline.nioSSL_peerCertificate()) != nil else { return }
        channel.close(promise: nil)
      }
    }
  }

  private static func read(folder: String?, file: String?, isRequired: Bool) throws(Failure) -> ClientTrust {
    var files: [String] = []
    if let folder {
      do {
        files = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
          .filter { $0.hasSuffix(".pem") || $0.hasSuffix(".crt") }.map { "\(folder)/\($0)" }
      } catch {
        let system = error as? POSIXError ?? (error as? CocoaError)?.underlying as? POSIXError
        let reason =
          system.map { SystemError($0.code.rawValue).description } ?? "it is not a directory that can be read"
        throw Failure(
          description: "\(ControlPlaneSettings.key(\.apiEncryption.clientCertificateFolder)): \(folder): \(reason)")
      }
    }
    if let file { files.append(file) }
    var trust = ClientTrust(isRequired: isRequired)
    for file in files {
      switch FileAccess.read(file, limit: fileLimit) {
      case .success(let bytes): trust.certificates.append(String(decoding: bytes, as: UTF8.self))
      case .failure(let failure):
        throw Failure(description: "the client certificate \(file) cannot be read: \(failure)")
      }
      guard (try? ClientTrust(certificates: [trust.certificates.last ?? ""]).check()) != nil else {
        throw Failure(description: "\(file) holds no certificates in PEM form; replace it, or remove it")
      }
    }
    return trust
  }
}
