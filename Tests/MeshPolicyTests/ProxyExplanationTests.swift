import MeshModel
import MeshPolicy
import Testing

/// Why a proxy is traced, or is not, in sentences and as a document.
@Suite struct ProxyExplanationTests {
  /// A mesh with the proxy `p`, which serves `web` and calls `api`, and the proxies of `api`.
  private static func explanation(
    web: String = "service=web protocol=http", api: [String] = [], backend: String = "zipkin",
    selector: String? = "service=*"
  ) -> ProxyExplanation? {
    var change = MeshIndex.Change()
    let zipkin = TracingBackend(
      name: "zipkin", sampling: 12.5, zipkin: ZipkinConf(url: "http://zipkin:9411/api/v2/spans"))
    change.mesh = Mesh(tracing: Mesh.Tracing(backends: [zipkin]))
    change.dataplanes["p"] = Dataplane(inbounds: [web], outbounds: ["api"])
    for (number, tags) in api.enumerated() { change.dataplanes["api-\(number)"] = Dataplane(inbounds: [tags]) }
    if let selector {
      change.policies["t"] = (TrafficTrace([selector], backend: backend), Timestamp(seconds: 1))
    }
    var index = MeshIndex(name: "default")
    _ = index.apply(change)
    #expect(index.explanation(for: "nobody") == nil)
    return index.explanation(for: "p")
  }

  struct Verdict: Sendable {
    var selector: String? = "service=*"
    var backend = "zipkin"
    var web = "service=web protocol=http"
    var summary: String
  }

  @Test(
    "the verdict",
    arguments: [
      Verdict(selector: nil, summary: "Not traced: no TrafficTrace of the mesh matches this proxy."),
      Verdict(selector: "service=other", summary: "Not traced: no TrafficTrace of the mesh matches this proxy."),
      Verdict(
        backend: "",
        summary: "Not traced: TrafficTrace \"t\" names no backend, and the mesh has no tracing.defaultBackend."),
      Verdict(
        backend: "jaeger",
        summary:
          "Not traced: TrafficTrace \"t\" leads to the tracing backend \"jaeger\", which the mesh does not have; "
          + "there is no fallback to another."),
      Verdict(
        web: "service=web",
        summary: "Not traced: none of the 2 listeners sees HTTP; set the tag kuma.io/protocol."),
      Verdict(
        summary: "Traced by TrafficTrace \"t\": 1 of 2 listeners send spans to the tracing backend \"zipkin\"."),
    ])
  func verdict(row: Verdict) throws {
    let explanation = try #require(Self.explanation(web: row.web, backend: row.backend, selector: row.selector))
    #expect(explanation.summary == row.summary)
    #expect(explanation.isTraced == row.summary.hasPrefix("Traced"))
    #expect(explanation.document["traced"]?.bool == explanation.isTraced)
    #expect(explanation.document["summary"]?.string == row.summary)
  }

  @Test("the form of a connected proxy's reports")
  func reports() throws {
    var explanation = try #require(Self.explanation())
    #expect(explanation.document["reports"] == nil)
    explanation.reports = ReportForm(
      format: .protobuf, spans: 50, interval: .milliseconds(1500),
      reason: "http://c:9411 is this control plane's collector")
    #expect(
      explanation.document["reports"] == [
        "format": "protobuf", "spans": 50, "intervalMs": 1500,
        "reason": "http://c:9411 is this control plane's collector",
      ])
  }

  @Test(
    "why an inbound leaves no spans",
    arguments: [
      ("service=web protocol=http", String?.none), ("service=web protocol=HTTP2", nil),
      ("service=web protocol=grpc", nil),
      ("service=web", "the inbound has no tag kuma.io/protocol and is handled as TCP"),
      ("service=web protocol=tcp", "the protocol is tcp, and only requests of http, http2 and grpc are traced"),
      ("service=web protocol=kafka", "the protocol is kafka, and only requests of http, http2 and grpc are traced"),
    ])
  func inbound(tags: String, obstacle: String?) throws {
    let listener = try #require(Self.explanation(web: tags)?.listeners.first)
    #expect(listener.direction == .inbound)
    #expect("\(listener.address):\(listener.port) \(listener.service)" == "10.0.0.1:80 web")
    #expect(listener.obstacle == obstacle)
  }

  @Test(
    "why an outbound leaves no spans",
    arguments: [
      (["service=api protocol=http"], String?.none),
      (["service=api protocol=grpc", "service=api protocol=http2"], nil),
      ([], "the service has no healthy endpoint, so its protocol is not known"),
      (["service=api", "service=api"], "no endpoint of the service has the tag kuma.io/protocol"),
      (["service=api protocol=http", "service=api", "service=api"], "2 of 3 endpoints have no tag kuma.io/protocol"),
      (
        ["service=api protocol=tcp", "service=api protocol=TCP"],
        "the protocol is tcp, and only requests of http, http2 and grpc are traced"
      ),
      (
        ["service=api protocol=http2", "service=api protocol=http"],
        "the endpoints speak different protocols (http, http2) and have only TCP in common"
      ),
    ])
  func outbound(api: [String], obstacle: String?) throws {
    let listener = try #require(Self.explanation(api: api)?.listeners.last)
    #expect(listener.direction == .outbound)
    #expect("\(listener.address):\(listener.port) \(listener.service)" == "127.0.0.1:10001 api")
    #expect(listener.obstacle == obstacle)
  }

  @Test("the whole document") func document() throws {
    let explanation = try #require(Self.explanation())
    #expect(
      explanation.document == [
        "mesh": "default", "name": "p", "traced": true, "summary": .string(explanation.summary), "winner": "t",
        "candidates": [
          ["name": "t", "rank": ["exact": 0, "wildcard": 1], "creationTime": "1970-01-01T00:00:01Z"]
        ],
        "backend": [
          "status": "found", "name": "zipkin", "type": "zipkin", "sampling": .number(12.5),
          "headers": [
            "x-request-id", "b3", "x-b3-traceid", "x-b3-spanid", "x-b3-parentspanid", "x-b3-sampled", "x-b3-flags",
          ],
        ],
        "listeners": [
          [
            "direction": "inbound", "address": "10.0.0.1", "port": 80, "service": "web", "protocol": "http",
            "traced": true,
          ],
          [
            "direction": "outbound", "address": "127.0.0.1", "port": 10_001, "service": "api", "protocol": "<unknown>",
            "traced": false, "reason": "the service has no healthy endpoint, so its protocol is not known",
          ],
        ],
      ])
    #expect(Self.explanation(selector: nil)?.document["winner"] == .null)
    #expect(Self.explanation(selector: nil)?.document["backend"] == .null)
    #expect(Self.explanation(backend: "")?.document["backend"] == ["status": "noDefault"])
    #expect(Self.explanation(backend: "x")?.document["backend"] == ["status": "unknown", "name": "x"])
    let listeners = Self.explanation(backend: "x")?.document["listeners"]?.array ?? []
    #expect(listeners.map { $0["traced"]?.bool } == [false, false], "without a backend nothing is traced anywhere")
  }
}
