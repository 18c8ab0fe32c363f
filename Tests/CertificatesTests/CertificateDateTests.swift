import Foundation
import Testing

@testable import Certificates

@Suite("The dates of a server's certificate") struct CertificateDateTests {
  private static let day: TimeInterval = 86_400
  private static let use = CertificateUse(
    server: "data plane server", effect: "clients refuse to connect", remedy: "renew it")

  @Test(
    "are told of when they are over, to come, or over soon",
    arguments: [
      (-3651.0, "is not valid before"), (-3650.0 + 3650.0, nil), (3600.0, nil), (3625.0, "expires on"),
      (3649.9, "expires on"), (3651.0, "expired on"), (9000.0, "expired on"),
    ] as [(Double, String?)])
  func warning(days: Double, words: String?) throws {
    let made = Date(timeIntervalSince1970: 1_800_000_000)
    // It begins an hour before and is good for ten years of 365 days.
    let certificate = try ServerCertificate.make(hosts: [], now: made)
    let warning = certificate.warning(now: made.addingTimeInterval(days * Self.day), use: Self.use)
    #expect((warning == nil) == (words == nil), "\(warning ?? "")")
    if let words {
      #expect(warning?.contains("the certificate of the data plane server \(words) 20") == true, "\(warning ?? "")")
      #expect(warning?.contains("renew it") == true)
    }
  }

  @Test("are checked again a month before the expiry, at the expiry, and then no more")
  func next() throws {
    let made = Date(timeIntervalSince1970: 1_800_000_000)
    let certificate = try ServerCertificate.make(hosts: [], now: made)
    var times: [Double] = []
    var now = made
    while let next = certificate.nextWarning(after: now) {
      #expect(certificate.warning(now: next.addingTimeInterval(1), use: Self.use) != nil)
      times.append(next.timeIntervalSince(made) / Self.day)
      now = next
    }
    #expect(times.count == 2)
    #expect(times.map { Int($0.rounded()) } == [3620, 3650])
  }

  @Test("a file that cannot be read is named, with the system's reason in words")
  func unreadable() throws {
    let file = FileManager.default.temporaryDirectory.appending(path: "none-\(UUID().uuidString).crt")
      .path(percentEncoded: false)
    let failure = #expect(throws: ServerCertificate.Failure.self) {
      try ServerCertificate.load(certificateFile: file, keyFile: file)
    }
    #expect(
      failure?.description
        == "the file \(file) cannot be read: no such file or directory; the user that runs the program has to be able to "
        + "read it")
  }
}
