import Documents
package import Foundation
import SwiftASN1
import X509

/// What a certificate is for, in the words of warnings about it.
package struct CertificateUse: Sendable {
  /// The name of the server.
  package var server: String
  /// What happens when the certificate is not valid.
  package var effect: String
  /// How to replace the certificate. It follows a semicolon.
  package var remedy: String

  package init(server: String, effect: String, remedy: String) {
    self.server = server
    self.effect = effect
    self.remedy = remedy
  }
}

extension ServerCertificate {
  /// The time between which the certificate is valid; `nil` if it cannot be read.
  package var validity: ClosedRange<Date>? {
    guard let leaf, leaf.notValidBefore <= leaf.notValidAfter else {
      return nil
    }
    return leaf.notValidBefore...leaf.notValidAfter
  }

  /// Whether the certificate is valid no more.
  func hasExpired(now: Date) -> Bool { leaf.map { $0.notValidAfter < now } ?? false }

  /// How long before the expiry the warnings start.
  private static let notice: TimeInterval = 30 * 86_400

  /// A warning about the certificate's dates; `nil` if there is nothing to warn about.
  package func warning(now: Date = Date(), use: CertificateUse) -> String? {
    guard let leaf else { return nil }
    func text(_ date: Date) -> String { Timestamp(seconds: Int64(date.timeIntervalSince1970)).description }
    if hasExpired(now: now) {
      return
        "the certificate of the \(use.server) expired on \(text(leaf.notValidAfter)): \(use.effect); \(use.remedy)"
    }
    if now < leaf.notValidBefore {
      return "the certificate of the \(use.server) is not valid before \(text(leaf.notValidBefore)): \(use.effect); "
        + "correct the clock of this machine, or \(use.remedy)"
    }
    guard leaf.notValidAfter < now.addingTimeInterval(Self.notice) else { return nil }
    return "the certificate of the \(use.server) expires on \(text(leaf.notValidAfter)); \(use.remedy) before then"
  }

  /// The time of the next warning; `nil` if there is none.
  package func nextWarning(after now: Date) -> Date? {
    guard let leaf else { return nil }
    return [leaf.notValidAfter.addingTimeInterval(-Self.notice), leaf.notValidAfter.addingTimeInterval(1)].filter {
      $0 > now
    }.min()
  }
}
