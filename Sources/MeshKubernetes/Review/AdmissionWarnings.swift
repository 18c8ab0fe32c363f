import Documents
import OrderedCollections

/// Warnings as the API server passes them on.
enum AdmissionWarnings {
  /// How many characters all warnings have together. With more the API server cuts each at 256 characters. Source: the
  /// warning recorder of kube-apiserver.
  private static let total = 4_096
  /// How many characters one warning may have.
  private static let single = 1_000

  /// The warnings that the API server passes on whole. The rest is counted.
  static func bounded(_ warnings: [String]) -> [String] {
    var shown: [String] = []
    var room = total - 32
    for warning in warnings {
      let text = warning.printable(atMost: single)
      room -= text.unicodeScalars.count
      guard room >= 0 else { break }
      shown.append(text)
    }
    let rest = warnings.count - shown.count
    return rest == 0 ? shown : shown + [rest == 1 ? "and 1 more warning" : "and \(rest) more warnings"]
  }
}
