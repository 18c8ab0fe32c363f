import HTTPService
import HTTPTypes
import MeshModel
import TraceHTTP

extension FuzzTarget {
  /// Addresses and what stands in the heads of requests.
  static let addresses: [FuzzTarget] = [
    FuzzTarget(
      "collector-url", "addresses of collectors: taken apart, and shown without passwords",
      // A byte that is not UTF-8 is three bytes of the text, and what is masked is masked once more.
      bounds: FuzzBounds(allocations: .init(20_000, perByte: 400)),
      samples: ["https://user:password@zipkin.example:9411/api/v2/spans?a=b#c"]
    ) { bytes in
      let text = String(decoding: bytes, as: UTF8.self)
      let shown = Redaction.masked(text: text)
      require(Redaction.masked(text: shown) == shown, "a masked text is masked once more: \(shown)")
      guard let url = try? CollectorURL(text) else { return 0 }
      require(url.path.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7f }, "the path has control characters")
      let again = try? CollectorURL("http\(url.isTLS ? "s" : "")://\(url.authority)")
      require(again?.host == url.host && again?.port == url.port, "the authority \(url.authority) is another address")
      return 1
    },
    FuzzTarget(
      "request-target", "targets, queries and header fields of requests, up to the operation that they name",
      samples: ["GET\n/api/v2/traces?serviceName=a%20b&limit=1\nlocalhost:9411\nhttp://localhost:9411\ntext/html\n"]
    ) { bytes in
      var lines = String(decoding: bytes, as: UTF8.self).split(
        separator: "\n", maxSplits: 5, omittingEmptySubsequences: false)[...]
      func next() -> String { lines.popFirst().map(String.init) ?? "" }
      guard let method = HTTPRequest.Method(next()) else { return 0 }
      let (target, host, origin, type) = (next(), next(), next(), next())
      var request = HTTPRequest(method: method, scheme: "http", authority: host, path: target)
      request.headerFields[.origin] = origin
      request.headerFields[.contentType] = type
      request.headerFields[.accept] = type
      let split = RequestTarget(target)
      var count = 0
      for decoding in [QueryParameters.Decoding.strict, .lenient] {
        let parameters = QueryParameters(split.query, decoding: decoding)
        let encoded = parameters.encoded(setting: "offset", to: "1")
        require(
          QueryParameters(encoded[...], decoding: .strict).first("offset") == "1", "a query is not encoded: \(encoded)")
        count += encoded.utf8.count / 4
      }
      let path = PercentCoding.decodeLeniently(split.path)
      require(PercentCoding.decode(PercentCoding.encode(path, space: "%20")[...]) == path, "a path is not encoded")
      count += CollectorAPI.operation(of: request) == nil ? 0 : 1
      count += CollectorAPI.operationForExporters(of: request) == nil ? 0 : 1
      count += CollectorAPI.acceptsAnyHost(request) || CollectorAPI.takesSpans(request) ? 1 : 0
      if let authority = Authority(host) {
        let rule = HostRule(names: ["cp.example", "*.mesh.example"])
        require(!rule.allows(authority) || !authority.host.isEmpty, "an empty host is allowed")
      }
      let rule = OriginRule(["http://page.example"])
      require(rule.preflight(request) == nil || rule.allows(origin), "the page \(origin) may use the server")
      count += request.isOfOwnPage ? 1 : 0
      count += MediaType.list(type, containsAnyOf: [MediaType.json]) ? 1 : 0
      require(MediaType.ofBody(request).utf8.count <= 256, "a media type is long")
      return count
    },
  ]
}
