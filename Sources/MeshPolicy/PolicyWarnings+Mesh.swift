public import MeshModel
import OrderedCollections

extension PolicyWarnings {
  /// Warnings about settings of a mesh that are accepted, as Kuma accepts them, but are ignored or work differently here.
  ///
  /// - Parameter isOwnCollector: whether a backend's URL leads to this control plane's own collector.
  public static func differences(
    of mesh: Mesh, name: String, isOwnCollector: (CollectorURL) -> Bool = { _ in false }
  ) -> [String] {
    unusedSections(of: mesh, name: name) + mixedFormats(of: mesh, isOwnCollector: isOwnCollector)
      + missingPaths(of: mesh)
  }

  /// Backends whose proxies write the ids of spans in different ways, and send them to collectors that do not correct that.
  ///
  /// Envoy 1.40 reverses the bytes of a span's id and of its parent's id in protobuf, but not in JSON. Only this
  /// project's collector corrects that. Where another receives the spans, `auto` means JSON.
  private static func mixedFormats(of mesh: Mesh, isOwnCollector: (CollectorURL) -> Bool) -> [String] {
    var names: [TracingDestination.ZipkinFormat: [String]] = [:]
    for backend in mesh.tracing?.backends ?? [] {
      guard let destination = TracingDestination(backend),
        case .zipkin(let url, let options) = destination.receiver, !isOwnCollector(url)
      else { continue }
      names[options.format, default: []].append(backend.name)
    }
    guard let protobuf = names[.protobuf], let json = names[.json] else { return [] }
    func backends(_ names: [String]) -> String { (names.count == 1 ? "backend " : "backends ") + list(names) }
    return [
      "The tracing \(backends(protobuf)) \(protobuf.count == 1 ? "has" : "have") apiVersion \"httpProto\" and the "
        + "\(backends(json)) \(json.count == 1 ? "has" : "have") not: Envoy writes the ids of spans in reverse order into "
        + "protobuf, so that other collectors than this control plane's do not join what proxies of the one and the other "
        + "send of a trace. Give all of them the same apiVersion, best \"httpJson\", which tracers in applications agree "
        + "with too."
    ]
  }

  private static func missingPaths(of mesh: Mesh) -> [String] {
    let bare = (mesh.tracing?.backends ?? []).filter { backend in
      guard backend.kind == .zipkin, let conf = try? backend.zipkin(), let url = try? CollectorURL(conf.url) else {
        return false
      }
      return !url.hasPath
    }
    guard let first = bare.first else { return [] }
    let others = bare.count == 1 ? "" : ", like \(bare.count - 1) more,"
    return [
      "Tracing backend \"\(first.name)\"\(others) has a url without a path; spans are sent to "
        + "\(CollectorURL.zipkinPath). Add it to the url, or the path that the collector has."
    ]
  }
}
