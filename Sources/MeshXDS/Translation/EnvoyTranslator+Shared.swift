import EnvoyAPI
import MeshModel
import MeshPolicy

extension EnvoyTranslator {
  /// Adds what a proxy has in common with others that take their applications' connections. It is encoded once for all of them, so
  /// that a change costs a proxy only as much as it has of its own, unless its shared listeners or clusters change.
  func add(
    _ capture: TrafficCapture, of proxy: ProxyConfiguration, tracing: TracingTranslator?,
    to resources: inout ProxyResources
  ) throws(TranslationError) {
    let mesh = proxy.proxy.mesh
    if let shared = capture.shared, !shared.entries.isEmpty {
      resources.listenerPart.shared = try sharedListeners(shared, capture, of: proxy, tracing: tracing)
      resources.listenerPart.hidden = Set(
        capture.ownPlaces.lazy.filter(shared.places.contains).map { EnvoyNames.outboundListener($0.address, $0.port) })
      resources.clusterPart.shared = try memo.set(.sharedClusters(mesh: mesh), .shape(shared.shape)) {
        () throws(TranslationError) in
        try Self.each(shared) { (destination) throws(TranslationError) in try serviceCluster(destination) }
      }
      resources.endpointPart.shared = try memo.set(.sharedEndpoints(mesh: mesh), .shared(shared)) {
        () throws(TranslationError) in
        try Self.each(shared) { (destination) throws(TranslationError) in try serviceEndpoints(destination) }
      }
    }
    guard !capture.directPlaces.isEmpty else { return }
    let listeners = try memo.set(.directListeners(mesh: mesh), .places(capture.directPlaces)) {
      () throws(TranslationError) in
      try capture.directPlaces.map { (place) throws(TranslationError) in
        try CaptureTranslator.directListener(place)
      }
    }
    let taken = capture.ownPlaces.union(proxy.outbounds.map { SocketAddress($0.address, $0.port) })
    let hidden = Set(
      capture.directPlaces.lazy.filter {
        taken.contains($0) || capture.shared?.places.contains($0) == true || !capture.reaches($0)
      }.map(EnvoyNames.directListener))
    let direct = ProxyResources.Part(own: resources.listenerPart.own, shared: listeners, hidden: hidden)
    resources.listenerPart.own = direct.all
  }

  private func sharedListeners(
    _ shared: SharedOutbounds, _ capture: TrafficCapture, of proxy: ProxyConfiguration, tracing: TracingTranslator?
  ) throws(TranslationError) -> ResourceSet {
    try memo.set(
      .sharedListeners(
        mesh: proxy.proxy.mesh, takesIPv6: capture.takesIPv6, callerTags: capture.callerTags,
        proxy.tracing?.receiver.zipkinFormat),
      .sharedListeners(shared.shape, proxy.tracing, identifyingService: proxy.identifyingService)
    ) { () throws(TranslationError) in
      var listeners: [EncodedResource] = []
      for reached in shared.entries where capture.takesIPv6 || !HostRules.isIPv6(reached.place.address) {
        let outbound = ProxyConfiguration.Outbound(
          address: reached.place.address, port: reached.place.port, destination: reached.destination,
          callerTags: capture.callerTags)
        let listener = try ListenerTranslator.outbound(outbound, tracing: tracing, isBound: false)
        listeners.append(try listener.resource(named: listener.name))
      }
      return listeners
    }
  }

  /// One resource for each destination.
  private static func each(
    _ shared: SharedOutbounds, _ encode: (ServiceEndpoints) throws(TranslationError) -> EncodedResource
  ) throws(TranslationError) -> [EncodedResource] {
    var last: ServiceEndpoints?
    var resources: [EncodedResource] = []
    for reached in shared.entries where reached.destination != last {
      last = reached.destination
      resources.append(try encode(reached.destination))
    }
    return resources
  }
}
