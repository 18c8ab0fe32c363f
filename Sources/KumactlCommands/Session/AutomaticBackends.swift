import MeshModel
import OrderedCollections

/// The tracing backends whose `apiVersion` is `auto`, which kuma-trace accepts and Kuma refuses.
struct AutomaticBackends {
  private let names: [(backend: String, mesh: String)]

  /// How many backends a sentence names before the rest is only counted.
  private static let limit = 5

  /// Finds the backends in the meshes among the resources.
  init(_ resources: some Sequence<Resource>) {
    names = resources.flatMap { resource in
      let backends = resource.content(Mesh.self)?.tracing?.backends ?? []
      return backends.filter(\.isAutomatic).map { (backend: $0.name, mesh: resource.name) }
    }
  }

  /// A sentence that names the backends and what to do; `nil` if there are none.
  func notice(_ remedy: String) -> String? {
    guard !names.isEmpty else { return nil }
    let shown = names.prefix(Self.limit).map { "\($0.backend.abridged().quoted) of mesh \($0.mesh.abridged().quoted)" }
    let rest = names.count - shown.count
    let list = shown.joined(separator: ", ") + (rest == 0 ? "" : " and \(rest) more")
    return
      "Kuma refuses apiVersion \"\(ZipkinConf.automatic)\" of tracing \(names.count == 1 ? "backend" : "backends") "
      + "\(list). \(remedy)"
  }

  /// The resource with an `apiVersion` that Kuma accepts, and that works with every collector, in place of `auto`.
  static func replaced(in resource: Resource) -> Resource {
    guard var mesh = resource.content(Mesh.self), var tracing = mesh.tracing else { return resource }
    for index in tracing.backends.indices where tracing.backends[index].isAutomatic {
      tracing.backends[index].conf?["apiVersion"] = .string(substitute)
    }
    mesh.tracing = tracing
    var resource = resource
    resource.spec = mesh.spec
    return resource
  }

  /// What replaces `auto` in documents for Kuma.
  static let substitute = "httpJson"
}

extension TracingBackend {
  fileprivate var isAutomatic: Bool { kind == .zipkin && (try? zipkin())?.isAutomatic == true }
}
