import Foundation
import MeshKubernetes
import Testing

/// docs/pods.md, beside what is read from pods and Services.
@Suite("The document about pods")
struct AnnotationDocumentTests {
  @Test("names every annotation, and no others of Kuma's")
  func annotations() throws {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let text = try String(contentsOf: root.appending(path: "docs/pods.md"), encoding: .utf8)
    let known = Set(PodAnnotation.allCases.map(\.rawValue) + ServiceAnnotation.allCases.map(\.rawValue))
    for annotation in known where annotation != ServiceAnnotation.nginxServiceUpstream.rawValue {
      #expect(text.contains("`\(annotation)`") || text.contains("`\(annotation): "), "\(annotation)")
    }
    for match in text.matches(of: /`((traffic\.)?kuma\.io\/[a-z0-9-]+)/) {
      let name = String(match.1)
      let isOther = ["kuma.io/sidecar-injection", "kuma.io/service", "kuma.io/protocol", "kuma.io/instance"].contains(
        name)
      #expect(known.contains(name) || isOther, "\(name)")
    }
  }
}
