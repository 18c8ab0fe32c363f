import OrderedCollections

extension Resource {
  /// The resource as it may leave the control plane: without what is secret.
  package var redacted: Resource {
    var resource = self
    switch spec {
    case .mesh(let mesh): resource.spec = .mesh(mesh.redacted)
    case .secret: resource.spec = .secret(Secret(data: []))
    case .globalSecret: resource.spec = .globalSecret(GlobalSecret(data: []))
    case .trafficTrace, .dataplane, .dataplaneInsight: break
    }
    return resource
  }

  /// The resource with what is stored in the places of masks, so that one that was read, changed and written loses nothing.
  ///
  /// - Parameter stored: the resource as it is stored; `nil` when there is none.
  /// - Returns: the resource, whether anything was put back, and a violation for each mask in whose place nothing is stored.
  package func restored(from stored: Resource?) -> (resource: Resource, isRestored: Bool, lost: [Violation]) {
    guard case .mesh(let mesh) = spec else { return (self, false, []) }
    var restoration = Restoration()
    var resource = self
    resource.spec = .mesh(mesh.restored(from: stored?.content(Mesh.self), &restoration))
    return (resource, !restoration.paths.isEmpty, restoration.lost)
  }
}

extension TracingBackend {
  /// The backend without what is secret.
  package var redacted: TracingBackend {
    var backend = self
    backend.conf = conf.map { Redaction.masked($0, at: Redaction.Place().field("conf")) }
    return backend
  }
}

extension Mesh {
  private static func place(ofBackend index: Int) -> Redaction.Place {
    Redaction.Place().field("tracing").field("backends").item(index).field("conf")
  }

  fileprivate var redacted: Mesh {
    var mesh = self
    mesh.tracing?.backends = tracing?.backends.map(\.redacted) ?? []
    mesh.otherSections = Redaction.masked(otherSections)
    return mesh
  }

  fileprivate func restored(from stored: Mesh?, _ restoration: inout Restoration) -> Mesh {
    var mesh = self
    for (index, backend) in (tracing?.backends ?? []).enumerated() {
      guard let conf = backend.conf else { continue }
      let old = stored?.tracing?.backends.first { $0.name == backend.name }
      let count = restoration.paths.count
      let value = restoration.restored(
        .object(conf), from: old?.conf.map(DocumentValue.object), at: Self.place(ofBackend: index))
      var whole = backend
      whole.conf = value.object
      mesh.tracing?.backends[index] = whole
      // Who may write a mesh, but not read its secrets, must not have them sent elsewhere.
      if restoration.paths.count > count, let old, !whole.isAsSafe(as: old) {
        restoration.refuse(restoration.paths[count...])
      }
    }
    let sections = restoration.restored(
      .object(otherSections), from: (stored?.otherSections).map(DocumentValue.object), at: Redaction.Place())
    mesh.otherSections = sections.object ?? otherSections
    return mesh
  }
}

extension TracingBackend {
  /// Whether what is sent to the backend goes where it went before, and is protected as it was.
  fileprivate func isAsSafe(as old: TracingBackend) -> Bool {
    guard type == old.type, conf?["address"] == old.conf?["address"], conf?["port"] == old.conf?["port"] else {
      return false
    }
    // The authority of a collector that is trusted may change only to that of the system.
    guard conf?["tls"] == old.conf?["tls"] || conf?["tls"] == ["verify": "system"] else { return false }
    func server(_ conf: DocumentValue.Object?) -> [String]? {
      guard let url = try? CollectorURL(conf?["url"]?.string ?? "") else { return nil }
      return [url.isTLS ? "https" : "http", url.host.lowercased(), String(url.port)]
    }
    return conf?["url"]?.string == old.conf?["url"]?.string || server(conf) != nil && server(conf) == server(old.conf)
  }
}
