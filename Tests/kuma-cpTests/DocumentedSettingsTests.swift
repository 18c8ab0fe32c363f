import ProgramSettings
import TestSupport
import Testing

@testable import kuma_cp

/// The documents about Kubernetes, beside the settings.
@Suite("The documents about Kubernetes")
struct DocumentedSettingsTests {
  @Test("name variables that there are", arguments: ["kubernetes.md", "pods.md"])
  func variables(page: String) throws {
    let text = try RepositoryFiles.document(page)
    // Of kuma-dp.
    let others: Set = ["KUMA_DNS_ENABLED"]
    let known = Set(ControlPlaneSettings.all.compactMap(\.environmentVariable)).union(others)
    // A name that ends with dots stands for several.
    let named = text.matches(of: /KUMA_[A-Z0-9_]+…?/).map { String($0.0) }.filter { !$0.hasSuffix("…") }
    #expect(named.count > 5)
    for name in named { #expect(known.contains(name), "\(name)") }
  }
}
