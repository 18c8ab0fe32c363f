import HTTPService
import HTTPTypes
import TraceModel
import TraceStore

extension CollectorAPI {
  /// The page, its files, and the addresses of Zipkin's, Jaeger's and Kuma's pages.
  static let pageRoutes: [CollectorRoute] =
    [
      "/", "/traces", "/traces/{id}", "/services", "/services/{name}", "/compare", "/compare/{id}",
      "/compare/{id}/{other}",
      "/file", "/file/{name}", "/graph", "/propagation", "/privacy", "/senders", "/mesh",
    ].map { .page($0, CollectorAPI.view) }
    + [
      .page("/assets/{file}", isExact: true, CollectorAPI.asset),
      .page("/zipkin", CollectorAPI.oldSearch), .page("/zipkin/traceViewer", CollectorAPI.oldSearch),
      .page("/zipkin/dependency", CollectorAPI.oldGraph), .page("/dependency", CollectorAPI.oldGraph),
      .page("/zipkin/traces/{id}", CollectorAPI.oldTrace), .page("/zipkin/trace/{id}", CollectorAPI.oldTrace),
      .page("/trace/{id}", isExact: true, CollectorAPI.oldTrace),
      .page("/dependencies", isExact: true) { _ in { _ in .redirect(to: "/graph") } },
      .page("/gui", CollectorAPI.guide), .page("/gui/{rest...}", CollectorAPI.guide),
      .page("/search", isExact: true, CollectorAPI.start), .page("/index.html", isExact: true, CollectorAPI.start),
    ]

  private func view(_ request: RoutedRequest) -> Answer {
    // Zipkin's classic page has the same address.
    if request.path == "/", let address = oldAddress.classicSearch(request.query) { return .redirect(to: address) }
    return file(PageFiles.page, request)
  }

  private func asset(_ request: RoutedRequest) throws(CollectorError) -> Answer {
    guard let name = request.path.split(separator: "/").last, let file = PageFiles.assets[String(name)] else {
      throw CollectorError(code: .notFound, message: "there is nothing at \(request.path.prefix(256))")
    }
    return self.file(file, request)
  }

  private func file(_ file: PageFiles.File, _ request: RoutedRequest) -> Answer {
    Answer(file, for: request.head, knownTags: request.head.headerFields[.ifNoneMatch])
  }

  // MARK: Other addresses

  private var oldAddress: OldAddress {
    OldAddress(autocompleteKeys: store.autocompleteKeys, now: clock.milliseconds())
  }

  private func oldSearch(_ request: RoutedRequest) -> Answer { .redirect(to: oldAddress.search(request.query)) }

  private func oldGraph(_ request: RoutedRequest) -> Answer { .redirect(to: oldAddress.graph(request.query)) }

  private func oldTrace(_ request: RoutedRequest) -> Answer {
    .redirect(to: TraceID(request.decodedParameter("id")).map { "/traces/\($0)" } ?? "/")
  }

  /// Kuma's page shows meshes.
  private func guide(_ request: RoutedRequest) -> Answer { .redirect(to: settings.meshes == nil ? "/" : "/mesh") }

  private func start(_ request: RoutedRequest) -> Answer { .redirect(to: "/") }
}

extension RoutedRequest {
  /// A parameter of the path, its escapes decoded.
  func decodedParameter(_ name: String) -> String { PercentCoding.decodeLeniently(parameter(name)[...]) }
}
