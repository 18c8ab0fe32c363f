public import MeshModel
import OrderedCollections

extension PolicyWarnings {
  /// Warnings about what a mesh says that is accepted, as Kuma accepts it, and done in another way or not at all.
  public static func differences(of mesh: Mesh, name: String) -> [String] {
    var warnings: [String] = []
    if let backend = mesh.otherSections["mtls"]?["enabledBackend"]?.string, !backend.isEmpty {
      warnings.append(
        "Mesh \"\(name)\" has mtls.enabledBackend, which is kept and not acted on: there is no mesh TLS here, and traffic "
          + "between proxies is not encrypted.")
    }
    let bare = (mesh.tracing?.backends ?? []).filter { backend in
      guard backend.kind == .zipkin, let conf = try? backend.zipkin(), let url = try? CollectorURL(conf.url) else {
        return false
      }
      return !url.hasPath
    }
    if let first = bare.first {
      let others = bare.count == 1 ? "" : ", like \(bare.count - 1) more,"
      warnings.append(
        "Tracing backend \"\(first.name)\"\(others) has a url without a path; spans are sent to "
          + "\(CollectorURL.zipkinPath). Add it to the url, or the path that the collector has.")
    }
    return warnings
  }
}
