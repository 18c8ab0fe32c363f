import TraceAnalysis
import TraceModel
import TraceStore

/// Whether programs continue the traces of their proxies, and by which headers.
extension CollectorAPI {
  private static let servicesAtMost = 100

  /// Adds to reports by which headers programs and their proxies pass traces on, where their spans show it.
  ///
  /// The requests that a service's proxy and its own tracer reported are compared. Some of those in two traces are read from the store:
  /// they have to be the same request by method and path.
  func addingContexts(_ reports: [SenderReport]) async throws(CollectorError) -> [SenderReport] {
    func services(of kind: SenderReport.Kind) -> Set<String> {
      Set(reports.lazy.filter { $0.kind == kind }.flatMap(\.services))
    }
    let both = services(of: .program).intersection(services(of: .proxy))
    guard !both.isEmpty else { return reports }
    var reports = reports
    for split in await propagation.contextSplits(of: Set(both.sorted().prefix(Self.servicesAtMost))) {
      var text: String?
      var proof: String?
      if split.isSplit {
        guard case .confirmed(let found) = try await evidence(of: split, reports) else { continue }
        (text, proof) = (ContextAdvice.advice(split, proof: found), found)
      }
      for index in reports.indices where reports[index].services.contains(split.service) {
        switch reports[index].kind {
        case .proxy: if split.isSplit || split.joined > 0 { reports[index].add(propagator: "B3") }
        case .program:
          if split.joined > 0 { reports[index].add(propagator: "B3") }
          if proof != nil { reports[index].add(propagator: "W3C") }
          if let text { reports[index].advice.insert(text, at: 0) }
        case .unknown: break
        }
      }
    }
    return reports
  }

  /// What examples of requests in two traces tell.
  private enum Evidence {
    /// They are two requests, or cannot be read.
    case none
    /// They are one request each. The proof says what shows that the tracer passes traces on by `traceparent`; nil if nothing does.
    case confirmed(proof: String?)
  }

  /// Reads examples of requests in two traces.
  private func evidence(
    of split: ContextSplit, _ reports: [SenderReport]
  ) async throws(CollectorError) -> Evidence {
    var proof: String?
    var compared = 0
    for example in split.examples {
      guard let proxied = try await store.trace(example.proxied.trace),
        let own = try await store.trace(example.own.trace),
        let outer = proxied.first(where: { $0.id == example.proxied.span && $0.isProxied }),
        let inner = own.first(where: { $0.id == example.own.span && !$0.isProxied })
      else { continue }
      guard ContextAdvice.isSameRequest(outer, inner) else { return .none }
      compared += 1
      // A trace without a span of any proxy that has spans of another service travels by headers that proxies do not know.
      if !own.contains(where: \.isProxied),
        let other = own.first(where: { $0.serviceName != split.service && !$0.serviceName.isEmpty })
      {
        proof = "its traces go on in \(other.serviceName) past the proxies"
      }
    }
    guard compared > 0 else { return .none }
    let own = reports.filter { $0.kind == .program && $0.services.contains(split.service) }
    if proof == nil, own.contains(where: { $0.propagators.contains("W3C") }) { proof = "its spans have a tracestate" }
    if proof == nil, own.contains(where: \.isOfOpenTelemetry) {
      proof = "OpenTelemetry's SDKs use traceparent alone unless they are told otherwise"
    }
    return .confirmed(proof: proof)
  }
}

extension SenderReport {
  fileprivate mutating func add(propagator name: String) {
    if !propagators.contains(name) { propagators.append(name) }
  }
}

/// What to say of a program that does not continue the traces of its proxy.
enum ContextAdvice {
  /// - Parameter proof: what shows that it uses `traceparent`; nil if nothing does.
  static func advice(_ split: ContextSplit, proof: String?) -> String {
    let traces = split.beginsCalls ? "three traces" : "two traces"
    let example = split.examples.last.map { ", such as \($0.proxied.trace) and \($0.own.trace)" } ?? ""
    let seen = "of \(split.requests) requests of its proxy none is in a trace of its own tracer\(example)"
    guard let proof else {
      return
        "\(split.service) does not continue the traces of its proxy, so one request has \(traces): \(seen). Let its tracer read "
        + "B3 headers"
    }
    return
      "\(split.service) begins traces by traceparent (\(proof)), its proxy by B3: \(traces) for one request; \(seen). Set "
      + "OTEL_PROPAGATORS=b3multi, or the backend's traceContextOption: USE_B3_WITH_W3C_PROPAGATION"
  }

  /// Whether two spans may be of one request. What only one of them says does not count.
  static func isSameRequest(_ one: Span, _ other: Span) -> Bool {
    func differs(_ first: String?, _ second: String?) -> Bool {
      guard let first, let second else { return false }
      return first != second
    }
    return !differs(one.requestMethod, other.requestMethod) && !differs(one.requestPath, other.requestPath)
  }
}

extension Span {
  fileprivate var requestMethod: String? { (tag("http.request.method") ?? tag("http.method"))?.uppercased() }

  /// The path of the request, without its query.
  fileprivate var requestPath: String? {
    guard let text = tag("url.path") ?? tag("http.target") ?? tag("http.path") ?? tag("url.full") ?? tag("http.url")
    else {
      return nil
    }
    var rest = text[...]
    if let scheme = text.firstRange(of: "://") {
      rest = text[scheme.upperBound...]
      rest = rest.firstIndex(of: "/").map { rest[$0...] } ?? "/"
    }
    return String(rest.prefix { $0 != "?" && $0 != "#" })
  }
}
