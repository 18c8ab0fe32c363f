import Certificates
import Foundation
import Logging
import MeshModel
import MeshStore
import TestSupport
import Testing

@testable import kuma_cp

@Suite("The authority in a shared store") struct StoredAuthorityTests {
  private let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)

  private func authority(_ store: MemoryStore, _ name: String, _ log: LogRecorder = LogRecorder()) -> StoredAuthority {
    StoredAuthority(
      store: store, directory: folder.appendingPathComponent(name).path, hosts: { ["\(name).example"] },
      logger: log.logger(.info))
  }

  private func certificate(_ source: ReloadableCertificate.Source) throws -> ReloadableCertificate {
    try ReloadableCertificate(
      source, use: CertificateUse(server: "servers", effect: "", remedy: ""), logger: Logger(label: "test"))
  }

  @Test("control planes that start at the same time have one authority, and each a certificate of its own names")
  func shared() async throws {
    defer { try? FileManager.default.removeItem(at: folder) }
    let store = MemoryStore()
    let found = try await withThrowingTaskGroup(of: ReloadableCertificate.Source.self) { group in
      for name in ["a", "b", "c"] { group.addTask { try await authority(store, name).find() } }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    let certificates = try found.map(certificate)
    #expect(Set(certificates.map(\.authorityPEM)).count == 1)
    #expect(Set(certificates.map(\.current)).count == 3)
    #expect(certificates.contains { $0.current.names?.contains("b.example") == true })
    // The certificate for clients is in each directory, and no key is in the log.
    for name in ["a", "b", "c"] {
      let file = folder.appendingPathComponent("\(name)/kuma-cp.crt")
      #expect(try String(contentsOf: file, encoding: .utf8) == certificates.first?.authorityPEM)
    }
  }

  @Test("the first control plane shares the authority that its proxies trust already; another one says that it changes")
  func earlier() async throws {
    defer { try? FileManager.default.removeItem(at: folder) }
    let (store, log) = (MemoryStore(), LogRecorder())
    let earlier = try ServerCertificate.make(hosts: ["a.example"])
    for name in ["a", "b"] {
      let pair = name == "a" ? earlier : try ServerCertificate.make(hosts: ["b.example"])
      try CertificateFiles(directory: folder.appendingPathComponent(name).path).save(pair)
    }
    let first = try certificate(await authority(store, "a", log).find())
    #expect(first.authorityPEM == earlier.certificatePEM && !log.messages.contains { $0.hasPrefix("warning") })
    let second = try certificate(await authority(store, "b", log).find())
    #expect(second.authorityPEM == earlier.certificatePEM && log.messages.contains { $0.hasPrefix("warning") })
  }

  @Test("a secret that holds no authority is an error that names it", arguments: ["", "nonsense", "-----BEGIN "])
  func wrong(text: String) async throws {
    defer { try? FileManager.default.removeItem(at: folder) }
    let store = MemoryStore()
    _ = try store.put(.globalSecret(name: "control-plane-ca", data: Array(text.utf8)), if: .always)
    let failure = await #expect(throws: StoredAuthority.Failure.self) { try await authority(store, "a").find() }
    #expect(failure?.description.contains("GlobalSecret control-plane-ca") == true)
  }
}
