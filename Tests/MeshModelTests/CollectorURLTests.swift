import MeshModel
import Testing

@Suite struct CollectorURLTests {
  struct Accepted: Sendable, CustomTestStringConvertible {
    var text: String
    var isTLS = false
    var host = "z"
    var port: UInt16 = 9411
    var path = "/a"
    var authority = "z:9411"
    var testDescription: String { text }
  }

  static let accepted = [
    Accepted(text: "http://z:9411/a"),
    Accepted(text: "https://z:9411/a", isTLS: true),
    Accepted(text: "HTTPS://z:9411/a", isTLS: true),
    Accepted(text: "ftp://z:9411/a"),
    Accepted(text: "http://z:9411/", path: "/"),
    Accepted(text: "http://z:1/a", port: 1, authority: "z:1"),
    Accepted(text: "http://z:65535/a", port: 65535, authority: "z:65535"),
    Accepted(text: "http://z:09411/a", authority: "z:09411"),
    Accepted(text: "http://[::1]:9411/a", host: "::1", authority: "[::1]:9411"),
    Accepted(text: "http://10.0.0.1:9411/a", host: "10.0.0.1", authority: "10.0.0.1:9411"),
    Accepted(text: "http://user:pass@z:9411/a"),
    Accepted(text: "http://user%40x@z:9411/a"),
    Accepted(text: "http://z:9411/a?b=<c>#d"),
    Accepted(text: "http://z:9411/a%20b%2Fc", path: "/a b/c"),
    Accepted(text: "http://z:9411/a b", path: "/a b"),
    Accepted(text: "http://z:9411/ä", path: "/ä"),
    Accepted(text: "http://z:9411/%C3%A4", path: "/ä"),
    Accepted(text: "http://z:9411//a:b@c", path: "//a:b@c"),
  ]

  @Test("accepted addresses", arguments: accepted)
  func accepts(_ row: Accepted) throws {
    let url = try CollectorURL(row.text)
    #expect(url.isTLS == row.isTLS)
    #expect(url.host == row.host)
    #expect(url.port == row.port)
    #expect(url.path == row.path)
    #expect(url.authority == row.authority)
  }

  @Test("where no path is written, Zipkin's is meant")
  func path() throws {
    for text in ["http://z:9411", "http://z:9411?a=b"] {
      let url = try CollectorURL(text)
      #expect(url.path == "/api/v2/spans")
      #expect(!url.hasPath)
      #expect(url.authority == "z:9411")
    }
    #expect(try CollectorURL("http://z:9411/").hasPath)
  }

  static let refused: [(String, CollectorURL.Failure)] = [
    ("", .invalid), ("invalid-url", .invalid), ("zipkin/a", .invalid), (":9411/a", .invalid),
    ("1http://z:9411/a", .invalid), ("http://z:port/a", .invalid), ("http://z:+1/a", .invalid),
    ("http://z:9411/%zz", .invalid), ("http://z:9411/%", .invalid), ("http://z:9411/%4", .invalid),
    ("http://z:9411/%-1", .invalid), ("http://z:9411/%é", .invalid), ("http://z z:9411/a", .invalid),
    ("http://z%41:9411/a", .invalid), ("http://[::1:9411/a", .invalid), ("http://[::1]x:9411/a", .invalid),
    ("http://u%zz@z:9411/a", .invalid), ("http://u u@z:9411/a", .invalid), ("http://z:9411/a\n", .invalid),
    ("http://z:9411/\u{0}", .invalid), ("http://z:9411/%0d%0aHost:%20x", .invalid), ("http://z:9411/%00", .invalid),
    ("http://:9411/a", .invalid),
    ("zipkin:9411", .noPort), ("zipkin:9411/a", .noPort), ("/api/v2/spans", .noPort), ("//z:9411/a", .noPort),
    ("http:/a", .noPort), ("http:///a", .noPort), ("http://z/a", .noPort), ("http://z:/a", .noPort),
    ("http://[::1]/a", .noPort), ("http:", .noPort), ("mailto:a@b", .noPort),
    ("http://z:0/a", .portRange), ("http://z:65536/a", .portRange),
    ("http://z:99999999999999999999999/a", .portRange),
    ("http://z:80:80/a", .hostWithColon), ("http://z:80:80", .hostWithColon), ("http://::1:9411/a", .hostWithColon),
  ]

  @Test("refused addresses", arguments: refused)
  func refuses(_ text: String, _ failure: CollectorURL.Failure) {
    #expect(throws: failure) { _ = try CollectorURL(text) }
  }
}
