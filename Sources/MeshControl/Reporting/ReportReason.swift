import MeshModel

/// Why reports have the form that they have.
enum ReportReason: Sendable, Hashable {
  /// The format is what the backend says.
  case configured
  /// The receiver is this control plane's collector.
  case ownCollector(CollectorURL)
  /// The receiver is another collector of this product.
  case collector(CollectorURL)
  /// The control plane does not ask receivers at all.
  case notAsked
  /// The version of Envoy is not known.
  case unknownEnvoy(version: String)
  /// Envoy does not take the size of reports from the control plane.
  case noRuntime
  /// The backend has a path of its own.
  case path(CollectorURL)
  /// The receiver is on another machine's loopback address.
  case elsewhere(CollectorURL)
  /// There are too many receivers.
  case tooManyReceivers(Int)
  /// Another product answers.
  case other(CollectorURL, what: String)
  /// A collector of this product and something else answer by turns.
  case unsteady(CollectorURL)
  /// Nothing answers.
  case silent(CollectorURL, why: String)
  /// Something answers reports, but they do not arrive at the collector.
  case notArriving(CollectorURL)
  /// No report has arrived at the collector, and the Envoy cannot be asked whether it sent any.
  case noArrival(CollectorURL, within: Duration)

  /// The reason as a clause.
  var words: String {
    switch self {
    case .configured: "the backend fixes the form; apiVersion auto lets the control plane choose"
    case .ownCollector(let url): "\(url.origin) is this control plane's collector"
    case .collector(let url): "a kuma-trace collector answers at \(url.origin)"
    case .notAsked: "this control plane does not ask receivers of spans who they are"
    case .unknownEnvoy(""): "the proxy does not say which version of Envoy it runs"
    case .unknownEnvoy(let version):
      "Envoy \(version) is not one of the known versions, 1.37 to 1.40"
    case .noRuntime:
      "the proxy's bootstrap does not let the control plane set the size of reports; restart kuma-dp to get a new one"
    case .path(let url):
      "the path of the backend's url is \(url.path.printable(atMost: 100)), not \(CollectorURL.zipkinPath)"
    case .elsewhere(let url):
      "\(url.origin) is on the proxy's own machine, which this control plane cannot ask"
    case .tooManyReceivers(let limit):
      "the meshes name more than \(limit) receivers, and this one is not asked who it is"
    case .other(let url, let what): "\(url.origin) is another kind of collector: it answers \(what)"
    case .unsteady(let url):
      "a kuma-trace collector and something else have answered at \(url.origin) by turns; it has to be the collector for longer"
    case .silent(let url, let why): "\(url.origin) does not say whether it is a kuma-trace collector: \(why)"
    case .notArriving(let url):
      "something at \(url.origin) takes the proxy's reports, but the collector that the control plane reaches there does not "
        + "get them"
    case .noArrival(let url, let time):
      "no report of the proxy reached the collector at \(url.origin) within \(time.words)"
    }
  }
}

extension CollectorURL {
  /// Scheme, host and port.
  package var origin: String { "\(isTLS ? "https" : "http")://\(authority)" }
}
