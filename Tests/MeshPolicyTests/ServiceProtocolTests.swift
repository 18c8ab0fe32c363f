import MeshModel
import MeshPolicy
import Testing

/// How the protocol of a service follows from those of its endpoints.
@Suite struct ServiceProtocolTests {
  struct Fold: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var endpoints: [String?]
    var result: ServiceProtocol

    init(_ name: String, _ endpoints: [String?], _ result: ServiceProtocol) {
      testDescription = name
      self.endpoints = endpoints
      self.result = result
    }
  }

  static let folds = [
    Fold("http × http", ["http", "http"], .http),
    Fold("http × http2", ["http", "http2"], .tcp),
    Fold("grpc × http2", ["grpc", "http2"], .http2),
    Fold("grpc × http", ["grpc", "http"], .tcp),
    Fold("kafka × http", ["kafka", "http"], .tcp),
    Fold("kafka × kafka", ["kafka", "kafka"], .kafka),
    Fold("grpc × grpc", ["grpc", "grpc"], .grpc),
    Fold("http2 × http2", ["http2", "http2"], .http2),
    Fold("http × tcp", ["http", "tcp"], .tcp),
    Fold("http2 × tcp", ["http2", "tcp"], .tcp),
    Fold("grpc × tcp", ["grpc", "tcp"], .tcp),
    Fold("kafka × tcp", ["kafka", "tcp"], .tcp),
    Fold("tcp × tcp", ["tcp", "tcp"], .tcp),
    Fold("http × missing", ["http", nil], .unknown),
    Fold("http × invalid", ["http", "smtp"], .unknown),
    Fold("tcp × missing", ["tcp", nil], .unknown),
    Fold("missing × missing", [nil, nil], .unknown),
    Fold("one endpoint", ["grpc"], .grpc),
    Fold("no endpoints at all", [], .unknown),
    Fold("grpc × grpc × http2", ["grpc", "grpc", "http2"], .http2),
    Fold("grpc × http2 × http", ["grpc", "http2", "http"], .tcp),
    Fold("http × http × missing", ["http", "http", nil], .unknown),
    Fold("upper case", ["HTTP", "Http"], .http),
  ]

  @Test("the protocol of a service", arguments: folds)
  func fold(_ fold: Fold) {
    // The order of the endpoints is no matter.
    for names in [fold.endpoints, fold.endpoints.reversed()] {
      let endpoints = names.enumerated().map { offset, name in
        ServiceEndpoints.Endpoint(
          address: "10.0.0.\(offset)", port: 80, tags: name.map { [TagName.protocol: $0] } ?? [:])
      }
      #expect(ServiceEndpoints(mesh: "m", service: "s", endpoints: endpoints).serviceProtocol == fold.result)
    }
  }

  @Test("what two endpoints have in common does not depend on order or grouping")
  func lattice() {
    for a in ServiceProtocol.allCases {
      #expect(a.common(with: a) == a)
      for b in ServiceProtocol.allCases {
        #expect(a.common(with: b) == b.common(with: a))
        for c in ServiceProtocol.allCases {
          #expect(a.common(with: b).common(with: c) == a.common(with: b.common(with: c)))
        }
      }
    }
  }

  @Test(
    "the tag's value",
    arguments: [
      ("http", ServiceProtocol.http), ("HTTP2", .http2), ("gRPC", .grpc), ("Kafka", .kafka), ("tcp", .tcp),
      ("", .unknown), ("<unknown>", .unknown), ("http ", .unknown), ("https", .unknown),
    ])
  func parsing(text: String, expected: ServiceProtocol) { #expect(ServiceProtocol(tag: text) == expected) }

  @Test("only requests of HTTP and its kin are traced") func tracing() {
    #expect(ServiceProtocol.allCases.filter(\.isHTTP) == [.grpc, .http, .http2])
    #expect(ServiceProtocol.allCases.filter(\.isHTTP2) == [.grpc, .http2])
    #expect(ServiceProtocol(tag: nil) == .unknown)
  }
}
