import Certificates
import Foundation
import HTTPService
import Logging
import MeshTransport
import NIOCore
import ProgramSettings
import ServiceLifecycle

/// The certificates of the servers of a control plane, or of a collector alone.
struct ServerCertificates: Sendable {
  /// The certificate of all servers, but for those that have one of their own.
  let main: ReloadableCertificate
  /// The certificate of the HTTPS API.
  let api: ReloadableCertificate
  /// The certificates by which the HTTPS API knows its clients.
  let clients: ClientAuthorities?
  private let logger: Logger

  /// Reads or makes the certificates.
  ///
  /// - Parameter own: finds or makes the certificate where no files are given.
  static func open(
    _ configuration: ControlPlaneConfiguration, logger: Logger,
    own: () async throws -> ReloadableCertificate.Source
  ) async throws -> ServerCertificates {
    let source: ReloadableCertificate.Source =
      if let certificate = configuration.tlsCertificateFile, let key = configuration.tlsKeyFile {
        .files(certificate: certificate, key: key)
      } else {
        try await own()
      }
    let main = try readable(
      source, by: [ControlPlaneSettings.key(\.tlsCertificateFile), ControlPlaneSettings.key(\.tlsKeyFile)],
      use: CertificateUse(
        server: "servers", effect: "proxies and clients that check it refuse to connect",
        remedy: "write a new one into the files of \(ControlPlaneSettings.key(\.tlsCertificateFile)) and "
          + "\(ControlPlaneSettings.key(\.tlsKeyFile)), or, if the control plane has made it, delete the old one and restart"
      ),
      logger: logger)
    let settings = configuration.apiEncryption
    var api = main
    if let certificate = settings.certificateFile, let key = settings.keyFile {
      api = try readable(
        .files(certificate: certificate, key: key),
        by: [
          ControlPlaneSettings.key(\.apiEncryption.certificateFile), ControlPlaneSettings.key(\.apiEncryption.keyFile),
        ],
        use: CertificateUse(
          server: ServerName.secureAPI, effect: "clients that check it refuse to connect",
          remedy: "write a new one into the files of \(ControlPlaneSettings.key(\.apiEncryption.certificateFile)) and "
            + "\(ControlPlaneSettings.key(\.apiEncryption.keyFile))"),
        logger: logger)
    }
    var clients: ClientAuthorities?
    if settings.clientCertificateFolder != nil || settings.clientAuthorityFile != nil
      || settings.requiresClientCertificate
    {
      clients = try ClientAuthorities(
        folder: settings.clientCertificateFolder, file: settings.clientAuthorityFile,
        isRequired: settings.requiresClientCertificate, logger: logger)
    }
    return ServerCertificates(main: main, api: api, clients: clients, logger: logger)
  }

  /// Reads or makes a certificate.
  ///
  /// - Parameter settings: the settings that name its files.
  /// - Throws: for files, ``SettingFailure`` with the settings.
  private static func readable(
    _ source: ReloadableCertificate.Source, by settings: [String], use: CertificateUse, logger: Logger
  ) throws -> ReloadableCertificate {
    do {
      return try ReloadableCertificate(source, use: use, logger: logger)
    } catch {
      guard case .files = source else { throw error }
      throw SettingFailure("\(settings.joined(separator: ", ")): \(error)")
    }
  }

  private init(
    main: ReloadableCertificate, api: ReloadableCertificate, clients: ClientAuthorities?, logger: Logger
  ) {
    self.main = main
    self.api = api
    self.clients = clients
    self.logger = logger
  }

  /// What has to run to keep them up to date.
  var services: [any Service] {
    [main] + (api === main ? [] : [api]) + (clients.map { [$0] } ?? [])
  }

  /// The TLS of a server with the main certificate.
  func tls(_ server: String, protocols: [String] = ["http/1.1"]) -> ServerTLS {
    ServerTLS(main, server: server, protocols: protocols, logger: logger)
  }

  /// The TLS of the HTTPS API.
  func apiTLS() -> ServerTLS { ServerTLS(api, server: ServerName.secureAPI, clients: clients, logger: logger) }

  /// The names and addresses for a certificate: those of this machine, of the Service, and of the setting.
  static func hosts(_ configuration: ControlPlaneConfiguration) -> [String] {
    let listening = [
      configuration.dataplaneServer.host, configuration.api.host, configuration.apiEncryption.interface,
      configuration.diagnostics.host, configuration.collector?.zipkin.host, configuration.collector?.otlp?.host,
    ].compactMap { $0 }.filter { $0 != "0.0.0.0" && $0 != "::" }
    let addresses = ((try? System.enumerateDevices()) ?? []).compactMap { $0.address?.ipAddress }
    return ControlPlaneIdentity.machineNames().sorted() + addresses + listening + configuration.serviceNames
      + configuration.allowedHosts
  }
}
