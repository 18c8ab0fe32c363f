package import MeshModel

extension PolicyWarnings {
  /// Warnings about backends whose collectors anybody can pretend to be, or whose secrets cannot be used.
  ///
  /// - Parameters:
  ///   - secrets: the secrets of the mesh.
  ///   - isOwnCollector: whether a backend's URL leads to this control plane's own collector, which is always verified over TLS.
  package static func collectors(
    of mesh: Mesh, secrets: [String: Secret], isOwnCollector: (CollectorURL) -> Bool = { _ in false }
  ) -> [String] {
    var unverified: [String] = []
    var open: [String] = []
    var withFragment: [String] = []
    for backend in mesh.tracing?.backends ?? [] where backend.kind == .zipkin {
      guard let conf = try? backend.zipkin(), let url = try? CollectorURL(conf.url) else { continue }
      if conf.url.contains("#") { withFragment.append(backend.name) }
      guard !isOwnCollector(url) else { continue }
      if url.isTLS {
        if conf.tls?.isVerifying != true { unverified.append(backend.name) }
      } else if !conf.headers.isEmpty, !HostRules.isLoopback(url.host) {
        open.append(backend.name)
      }
    }
    let obstacles = BackendCollectors(of: mesh, secrets: secrets).obstacles.sorted { $0.key < $1.key }
    return few(unverified) { name in
      "Proxies do not verify the collector of the tracing backend \"\(name.abridged())\", as in Kuma: whoever can answer in its "
        + "place gets the spans. Set conf.tls.verify to system, or conf.tls.caCert to the authority of its certificate."
    } rest: { names in
      "The same holds for \(names.count == 1 ? "the tracing backend" : "the tracing backends") \(list(names))."
    }
      + few(open) { name in
        "The headers of the tracing backend \"\(name.abridged())\" are sent without encryption; give it a url with https://."
      } rest: { names in
        "So are those of \(names.count == 1 ? "the tracing backend" : "the tracing backends") \(list(names))."
      }
      + few(withFragment) { name in
        "The url of the tracing backend \"\(name.abridged())\" has a #, which begins no fragment here: as in Kuma, proxies send it "
          + "as a part of the path, or leave it out with the query before it. Delete it."
      } rest: { names in
        "So has that of \(names.count == 1 ? "the tracing backend" : "each of the tracing backends") \(list(names))."
      }
      + few(obstacles) { name, obstacle in
        "The tracing backend \"\(name.abridged())\" cannot be used, and proxies that lead to it are not traced: \(obstacle)."
      } rest: { others in
        "Nor can \(others.count == 1 ? "the tracing backend" : "the tracing backends") \(list(others.map(\.key))) be used."
      }
  }
}
