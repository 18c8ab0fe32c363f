import MeshModel
import MeshPolicy
import Testing

/// From a policy to its backend, and from a backend to what Envoy is told.
@Suite struct TracingDestinationTests {
  private static func zipkin(_ conf: ZipkinConf, sampling: Double? = nil) -> TracingDestination? {
    TracingDestination(TracingBackend(name: "b", sampling: sampling, zipkin: conf))
  }

  private static func backend(_ type: String, _ conf: DocumentValue) -> TracingBackend {
    TracingBackend(name: "b", type: type, conf: conf.object)
  }

  @Test("a Zipkin backend") func zipkin() throws {
    let url = try CollectorURL("https://zipkin.example:9411/api/v2/spans?a=b")
    let plain = try #require(Self.zipkin(ZipkinConf(url: "https://zipkin.example:9411/api/v2/spans?a=b")))
    #expect(plain.backend == "b")
    #expect(plain.sampling == nil)
    #expect(plain.receiver == .zipkin(url, ZipkinOptions()))
    let full = try #require(
      Self.zipkin(
        ZipkinConf(
          url: "https://zipkin.example:9411/api/v2/spans?a=b", traceId128bit: true, apiVersion: "httpProto",
          sharedSpanContext: false), sampling: 0))
    #expect(full.sampling == 0, "none is not the same as not given")
    #expect(
      full.receiver == .zipkin(url, ZipkinOptions(format: .protobuf, traceId128bit: true, sharedSpanContext: false)))
  }

  @Test(
    "formats of spans",
    arguments: [
      ("", ZipkinOptions()), ("httpJson", ZipkinOptions()), ("httpJsonV1", ZipkinOptions()),
      ("httpProto", ZipkinOptions(format: .protobuf)), ("auto", ZipkinOptions(format: .json, isAutomatic: true)),
    ])
  func format(version: String, expected: ZipkinOptions) throws {
    let url = "http://z:9411/api/v1/spans"
    let destination = try #require(Self.zipkin(ZipkinConf(url: url, apiVersion: version)))
    #expect(destination.receiver == .zipkin(try CollectorURL(url), expected))
  }

  @Test("a Datadog backend") func datadog() {
    let plain = TracingBackend(name: "b", sampling: 12.5, datadog: DatadogConf(address: "agent", port: 8126))
    #expect(
      TracingDestination(plain)
        == TracingDestination(
          backend: "b", sampling: 12.5, receiver: .datadog(address: "agent", port: 8126, splitService: false)))
    let split = TracingBackend(name: "b", datadog: DatadogConf(address: "::1", port: 1, splitService: true))
    #expect(TracingDestination(split)?.receiver == .datadog(address: "::1", port: 1, splitService: true))
  }

  @Test(
    "settings that cannot be used, which validation refuses",
    arguments: [
      TracingBackend(name: "b", type: "jaeger"), backend("Zipkin", ["url": "http://z:1/a"]),
      TracingBackend(name: "b", type: "zipkin"), backend("zipkin", ["url": "http://z/a"]),
      backend("zipkin", ["url": 1]), TracingBackend(name: "b", type: "datadog"),
      TracingBackend(name: "b", datadog: DatadogConf(address: "", port: 1)),
      TracingBackend(name: "b", datadog: DatadogConf(address: "a", port: 0)),
      TracingBackend(name: "b", datadog: DatadogConf(address: "a", port: 65_536)),
    ])
  func unusable(backend: TracingBackend) {
    #expect(TracingDestination(backend) == nil)
    let mesh = Resource(name: "m", spec: .mesh(Mesh(tracing: Mesh.Tracing(backends: [backend]))))
    #expect(!mesh.violations().isEmpty)
  }

  struct Resolution: Sendable {
    var policy: String
    var backends: [String]
    var defaultBackend: String
    var expected: String
  }

  @Test(
    "the backend of a policy",
    arguments: [
      Resolution(policy: "a", backends: ["a", "b"], defaultBackend: "b", expected: "a"),
      Resolution(policy: "", backends: ["a", "b"], defaultBackend: "b", expected: "b"),
      Resolution(policy: "A", backends: ["a"], defaultBackend: "a", expected: "unknown A"),
      Resolution(policy: "", backends: ["a"], defaultBackend: "", expected: "no default"),
      Resolution(policy: "", backends: ["a"], defaultBackend: "c", expected: "unknown c"),
      Resolution(policy: "a", backends: [], defaultBackend: "", expected: "unknown a"),
    ])
  func resolution(row: Resolution) {
    let backends = row.backends.map { TracingBackend(name: $0, zipkin: ZipkinConf(url: "http://z:9411/s")) }
    let mesh = Mesh(tracing: Mesh.Tracing(defaultBackend: row.defaultBackend, backends: backends))
    let resolution = BackendResolution(TrafficTrace(["service=*"], backend: row.policy), in: mesh)
    switch resolution {
    case .found(let backend): #expect(backend.name == row.expected)
    case .unknown(let name): #expect("unknown \(name)" == row.expected)
    case .noDefault: #expect(row.expected == "no default")
    }
    #expect((resolution.backend == nil) == !row.backends.contains(row.expected))
  }

  @Test("a mesh without tracing has no backend") func noTracing() {
    #expect(BackendResolution(TrafficTrace(["service=*"]), in: Mesh()) == .noDefault)
    #expect(BackendResolution(TrafficTrace(["service=*"], backend: "a"), in: Mesh()) == .unknown(name: "a"))
  }
}
