import Foundation
import Logging
import Synchronization
import TestSupport
import Testing

@testable import Certificates

@Suite("A certificate that changes while servers run", .timeLimit(.minutes(10))) struct ReloadableCertificateTests {
  private static let day: TimeInterval = 86_400
  private static let use = CertificateUse(server: "servers", effect: "clients refuse to connect", remedy: "renew it")

  private let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)

  private func write(_ pair: ServerCertificate) throws { try CertificateFiles(directory: folder.path).save(pair) }

  private var files: ReloadableCertificate.Source {
    let files = CertificateFiles(directory: folder.path)
    return .files(certificate: files.certificate.path, key: files.key.path)
  }

  /// The changes that were told.
  private final class Told: Sendable {
    private let certificates = Mutex([ServerCertificate]())
    var last: ServerCertificate? { certificates.withLock { $0.last } }
    func note(_ certificate: ServerCertificate) { certificates.withLock { $0.append(certificate) } }
  }

  private func pair(_ host: String) throws -> ServerCertificate { try ServerCertificate.make(hosts: [host]) }

  @Test("files are read again when they are replaced, without a restart, and who follows is told")
  func replaced() async throws {
    defer { try? FileManager.default.removeItem(at: folder) }
    try write(pair("first.example"))
    let log = LogRecorder()
    let certificate = try ReloadableCertificate(files, use: Self.use, logger: log.logger(.info))
    #expect(certificate.current.names?.contains("first.example") == true)
    let told = Told()
    let changes = certificate.changes()
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await certificate.run() }
      group.addTask { for await change in changes { told.note(change) } }
      for host in ["second.example", "third.example"] {
        let next = try pair(host)
        // The watch may begin after a change; a change of the second file comes in any case.
        try await eventually {
          try write(next)
          return certificate.current == next
        }
        #expect(certificate.authorityPEM == next.certificatePEM)
      }
      try await eventually { told.last?.names?.contains("third.example") == true }
      group.cancelAll()
    }
    #expect(log.messages.contains { $0.contains("was replaced in its file") })
    #expect(certificate.numbered.generation == 3)
  }

  @Test(
    "a certificate without its key changes nothing until the key follows, and one that stays wrong changes nothing at all"
  )
  func halfReplaced() throws {
    defer { try? FileManager.default.removeItem(at: folder) }
    let (first, second) = (try pair("first.example"), try pair("second.example"))
    try write(first)
    let log = LogRecorder()
    let certificate = try ReloadableCertificate(files, use: Self.use, logger: log.logger(.warning))
    try Data(second.certificatePEM.utf8).write(to: CertificateFiles(directory: folder.path).certificate)
    // It is tried again soon.
    #expect(certificate.update() == 1)
    #expect(certificate.current == first && log.lines.isEmpty)
    try write(second)
    #expect(certificate.update() > 1)
    #expect(certificate.current == second)
    try FileManager.default.removeItem(at: folder)
    #expect(certificate.update() == 1)
    #expect(certificate.current == second)
  }

  @Test("a certificate that has expired does not take the place of one that has not") func expired() throws {
    defer { try? FileManager.default.removeItem(at: folder) }
    let first = try pair("first.example")
    try write(first)
    let log = LogRecorder()
    let certificate = try ReloadableCertificate(files, use: Self.use, logger: log.logger(.warning))
    try write(ServerCertificate.make(hosts: ["second.example"], now: Date(timeIntervalSinceNow: -20 * 365 * 86_400)))
    #expect(certificate.update() == 1)
    #expect(certificate.current == first)
    let third = try pair("third.example")
    try write(third)
    #expect(certificate.update() > 1)
    #expect(certificate.current == third)
  }

  @Test("a certificate of an authority is renewed after two thirds of its time, and clients trust the same as before")
  func renewed() throws {
    let made = Date(timeIntervalSince1970: 1_800_000_000)
    let authority = try CertificateAuthority.make(commonName: "authority", lifetime: 3_000 * Self.day, now: made)
    let certificate = try ReloadableCertificate(
      .authority(authority, hosts: { ["cp.example"] }), use: Self.use, logger: Logger(label: "test"), now: made)
    let first = certificate.current
    _ = certificate.update(now: made.addingTimeInterval(240 * Self.day))
    #expect(certificate.current == first)
    let wait = certificate.update(now: made.addingTimeInterval(243 * Self.day))
    #expect(wait <= Self.day)
    _ = certificate.update(now: made.addingTimeInterval(244 * Self.day))
    let second = certificate.current
    #expect(second != first && authority.hasIssued(second) && certificate.authorityPEM == authority.certificatePEM)
    #expect(second.names == ["localhost", "127.0.0.1", "::1", "cp.example"])
    let validity = try #require(second.validity)
    #expect(validity.upperBound > made.addingTimeInterval(600 * Self.day))
  }

  @Test("a machine with a further name gets a certificate for it; one that has lost a name keeps its certificate")
  func hosts() throws {
    let hosts = Mutex(["a.example"])
    let authority = try CertificateAuthority.make(commonName: "authority", lifetime: 3_000 * Self.day)
    let certificate = try ReloadableCertificate(
      .authority(authority, hosts: { hosts.withLock { $0 } }), use: Self.use, logger: Logger(label: "test"))
    hosts.withLock { $0 = ["a.example", "10.0.0.7"] }
    _ = certificate.update()
    #expect(certificate.current.names?.isSuperset(of: ["a.example", "10.0.0.7"]) == true)
    let second = certificate.current
    hosts.withLock { $0 = [] }
    _ = certificate.update()
    #expect(certificate.current == second)
  }

  @Test("an authority that ends soon is warned of once, and files that end too")
  func warnings() throws {
    let made = Date(timeIntervalSince1970: 1_800_000_000)
    let log = LogRecorder()
    let authority = try CertificateAuthority.make(commonName: "authority", lifetime: 3_000 * Self.day, now: made)
    let certificate = try ReloadableCertificate(
      .authority(authority, hosts: { [] }), use: Self.use, logger: log.logger(.warning), now: made)
    _ = certificate.update(now: made)
    #expect(log.lines.isEmpty)
    for days in [2_980.0, 2_981] { _ = certificate.update(now: made.addingTimeInterval(days * Self.day)) }
    #expect(log.lines.count == 1)
    #expect(log.lines.first?.message.contains("the certificate of the servers expires on") == true)
    _ = certificate.update(now: made.addingTimeInterval(3_001 * Self.day))
    #expect(log.lines.count == 2 && log.lines.last?.message.contains("expired on") == true)
  }

  @Test("clients of a chain trust its last certificate")
  func chain() throws {
    let authority = try CertificateAuthority.make(commonName: "authority", lifetime: 1_000_000)
    let leaf = try authority.issue(commonName: "cp", hosts: ["cp.example"], lifetime: 500_000)
    let chain = ServerCertificate(
      certificatePEM: leaf.certificatePEM + authority.certificatePEM, privateKeyPEM: leaf.privateKeyPEM)
    #expect(chain.lastOfChain == authority.certificatePEM)
    #expect(leaf.lastOfChain == leaf.certificatePEM)
  }
}
