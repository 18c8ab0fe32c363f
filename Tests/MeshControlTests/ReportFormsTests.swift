import MeshModel
import MeshPolicy
import Testing

@testable import MeshControl

@Suite("Which form reports have")
struct ReportFormsTests {
  static let proxy = ProxyID(mesh: "default", name: "web")
  static func url(_ text: String = "http://collector.example:9411/api/v2/spans") throws -> CollectorURL {
    try CollectorURL(text)
  }

  /// A proxy whose backend has `apiVersion: auto`.
  private func world(
    _ answer: ReceiverAnswer?, _ traits: ProxyTraits = ReportWorld.known, url: CollectorURL
  ) -> ReportWorld {
    var world = ReportWorld()
    world.identities[url] = answer
    world.trace(Self.proxy, to: url)
    world.connect(Self.proxy, traits)
    return world
  }

  // MARK: Envoys

  @Test(
    "Protobuf needs an Envoy whose tracer is known",
    arguments: [
      ("1.36.2", false), ("1.37.0", true), ("1.38.3", true), ("1.40.0", true), ("1.40.1-fips", true), ("1.41.0", false),
      ("1.41.0-dev", false), ("1.40.0-dev", false), ("2.38.0", false), ("1.40", false), ("", false), ("latest", false),
    ])
  func versions(version: String, isKnown: Bool) throws {
    let url = try Self.url()
    var world = world(.own, ReportWorld.traits(version), url: url)
    world.pass(.seconds(1))
    #expect(world.formats[Self.proxy] == (isKnown ? .protobuf : .json))
    #expect(world.reason(Self.proxy) == (isKnown ? .ownCollector(url) : .unknownEnvoy(version: version)))
    #expect(isKnown || world.asked.isEmpty, "nobody is asked for an Envoy that gets JSON anyway")
  }

  @Test("Protobuf needs an Envoy that takes the size of reports from the control plane")
  func runtime() throws {
    var world = world(.own, ReportWorld.traits(hasRuntime: false), url: try Self.url())
    world.pass(.seconds(1))
    #expect(world.formats[Self.proxy] == .json && world.reason(Self.proxy) == .noRuntime)
  }

  @Test("Of several proxies with one name, all must be able to send protobuf")
  func rivals() throws {
    let url = try Self.url()
    var world = world(.own, url: url)
    world.pass(.seconds(1))
    #expect(world.formats[Self.proxy] == .protobuf)
    let old = ReportWorld.traits("1.36.2")
    world.connect(Self.proxy, old)
    #expect(world.formats[Self.proxy] == .json && world.reason(Self.proxy) == .unknownEnvoy(version: "1.36.2"))
    world.disconnect(Self.proxy, old)
    #expect(world.formats[Self.proxy] == .protobuf && world.reason(Self.proxy) == .ownCollector(url))
  }

  @Test("What users choose is not changed, and nobody is asked")
  func chosen() throws {
    let url = try Self.url()
    for format in [TracingDestination.ZipkinFormat.json, .protobuf] {
      var world = ReportWorld()
      world.identities[url] = .own
      world.trace(Self.proxy, to: url, ZipkinOptions(format: format))
      world.connect(Self.proxy)
      world.pass(.seconds(600))
      #expect(world.formats[Self.proxy] == format && world.reason(Self.proxy) == .configured)
      #expect(world.asked.isEmpty && world.reads == 0 && world.counted == 0 && world.forms.nextTime == nil)
    }
  }

  // MARK: Receivers

  @Test("A new proxy waits for the first answer of its receiver")
  func waiting() throws {
    let url = try Self.url()
    var world = world(.collector(instance: "1"), url: url)
    world.delay = .milliseconds(300)
    #expect(world.formats[Self.proxy] == nil)
    world.pass(.milliseconds(299))
    #expect(world.formats[Self.proxy] == nil && world.reason(Self.proxy) == nil)
    world.pass(.milliseconds(2))
    #expect(world.formats[Self.proxy] == .protobuf && world.reason(Self.proxy) == .collector(url))
  }

  @Test(
    "A receiver that does not answer gets JSON after two seconds, and protobuf when it says that it is a collector of ours"
  )
  func late() throws {
    let url = try Self.url()
    var world = world(nil, url: url)
    world.pass(.milliseconds(1900))
    #expect(world.formats[Self.proxy] == nil)
    world.pass(.milliseconds(200))
    #expect(world.formats[Self.proxy] == .json)
    #expect(world.reason(Self.proxy) == .silent(url, why: "the connection was refused"))
    world.identities[url] = .collector(instance: "1")
    world.pass(.seconds(10))
    #expect(world.formats[Self.proxy] == .protobuf)
  }

  @Test("Another product gets JSON, at once when it takes the address over")
  func other() throws {
    let url = try Self.url()
    let jaeger = ReceiverAnswer.other(what: "GET /receiver with status 404")
    var world = world(jaeger, url: url)
    world.pass(.seconds(1))
    #expect(world.formats[Self.proxy] == .json)
    #expect(world.reason(Self.proxy) == .other(url, what: "GET /receiver with status 404"))
    world.identities[url] = .collector(instance: "1")
    world.pass(.seconds(10))
    #expect(world.formats[Self.proxy] == .protobuf)
    world.arrivals[url] = [Self.proxy: world.now]
    world.pass(.seconds(2))
    world.identities[url] = jaeger
    world.pass(.seconds(10))
    #expect(world.formats[Self.proxy] == .json, "also a proxy whose reports have arrived before")
    world.identities[url] = .collector(instance: "2")
    world.pass(.seconds(130))
    #expect(world.formats[Self.proxy] == .json, "reports that arrived before prove nothing")
    #expect(world.reason(Self.proxy) == .noArrival(url, within: .seconds(120)))
    #expect(world.log.filter { $0.level == .warning }.count == 2, "the take-over, and the reports that do not arrive")
  }

  @Test("The last answer holds for a minute of silence, so that a restart of the collector changes nothing")
  func silence() throws {
    let url = try Self.url()
    var world = world(.collector(instance: "1"), url: url)
    world.arrivals[url] = [Self.proxy: world.now]
    world.pass(.seconds(5))
    world.identities[url] = nil
    let computed = world.computed
    world.pass(.seconds(50))
    #expect(world.formats[Self.proxy] == .protobuf && world.computed == computed)
    world.identities[url] = .collector(instance: "2")
    world.pass(.seconds(30))
    #expect(world.formats[Self.proxy] == .protobuf && world.computed == computed)
    world.identities[url] = nil
    world.pass(.seconds(80))
    #expect(world.formats[Self.proxy] == .json)
  }

  @Test(
    "A loopback address leads to the proxy's own machine",
    arguments: ["127.0.0.1", "localhost", "[::1]", "127.7.7.7", "collector.localhost"])
  func loopback(host: String) throws {
    let url = try Self.url("http://\(host):9411/api/v2/spans")
    var remote = world(.own, url: url)
    remote.pass(.seconds(1))
    #expect(remote.formats[Self.proxy] == .json && remote.reason(Self.proxy) == .elsewhere(url))
    var local = world(.own, ReportWorld.traits(isLocal: true), url: url)
    local.pass(.seconds(1))
    #expect(local.formats[Self.proxy] == .protobuf)
  }

  @Test("A path of its own can lead elsewhere behind the same address, so it gets JSON")
  func path() throws {
    let url = try Self.url("http://gateway.example:80/jaeger/api/v2/spans")
    var world = world(.own, url: url)
    world.pass(.seconds(1))
    #expect(world.formats[Self.proxy] == .json && world.reason(Self.proxy) == .path(url))
  }

  @Test("Receivers are asked within bounds, and forgotten with their last proxy")
  func bounds() throws {
    var world = ReportWorld()
    world.delay = .milliseconds(100)
    let proxies = (0..<300).map { ProxyID(mesh: "default", name: "p\($0)") }
    for (number, proxy) in proxies.enumerated() {
      let url = try Self.url("http://r\(number).example:9411")
      world.identities[url] = .collector(instance: "1")
      world.trace(proxy, to: url)
      world.connect(proxy)
    }
    world.pass(.seconds(30))
    #expect(world.forms.receivers.count == 256 && world.faults.isEmpty)
    #expect(proxies.count { world.formats[$0] == .protobuf } == 256)
    #expect(proxies.count { world.reason($0) == .tooManyReceivers(256) && world.formats[$0] == .json } == 44)
    for proxy in proxies.prefix(50) { world.trace(proxy, to: nil) }
    world.pass(.seconds(5))
    #expect(
      proxies.dropFirst(50).allSatisfy { world.formats[$0] == .protobuf } && world.forms.excess.isEmpty,
      "those without room take the room of others")
    for proxy in proxies { world.trace(proxy, to: nil) }
    #expect(world.forms.receivers.isEmpty)
    world.pass(.seconds(30))
    #expect(world.forms.nextTime == nil && world.pending.isEmpty)
  }

  @Test("Slow receivers do not keep another one waiting")
  func slow() throws {
    var world = ReportWorld()
    for number in 0..<250 {
      let url = try Self.url("http://a\(number).example:9411")
      // Half of them say that they are ours, and are slow about arrivals too.
      world.identities[url] = number.isMultiple(of: 2) ? .collector(instance: "1") : nil
      world.delays[url] = .seconds(2)
      let proxy = ProxyID(mesh: "default", name: "slow-\(number)")
      world.trace(proxy, to: url)
      world.connect(proxy)
    }
    let url = try Self.url("http://z.example:9411")
    world.identities[url] = .collector(instance: "1")
    world.trace(Self.proxy, to: url)
    world.connect(Self.proxy)
    world.pass(.seconds(20))
    #expect(world.formats[Self.proxy] == .protobuf)
    world.arrivals[url] = [Self.proxy: world.now]
    world.pass(.seconds(100))
    #expect(world.forms.receivers[url]?.watched.isEmpty == true, "its arrivals were asked for")
    world.pass(.seconds(600))
    #expect(world.formats[Self.proxy] == .protobuf && world.faults.isEmpty)
    #expect(world.asked[url].map { $0 > 20 } == true)
  }

  @Test("An address at which different products answer by turns does not move its proxies each time")
  func turns() throws {
    let url = try Self.url()
    var world = world(.collector(instance: "1"), url: url)
    world.arrivals[url] = [Self.proxy: world.now]
    world.pass(.seconds(5))
    for turn in 0..<60 {
      world.identities[url] =
        turn.isMultiple(of: 2) ? .other(what: "GET /receiver with status 404") : .collector(instance: "1")
      world.pass(.seconds(10))
    }
    #expect(world.formats[Self.proxy] == .json && world.reason(Self.proxy) == .unsteady(url))
    #expect(world.computed <= 6, "it was moved \(world.computed) times")
    #expect(world.log.count <= 6, "\(world.log)")
    world.arrivals[url] = [Self.proxy: world.now]
    world.pass(.seconds(40))
    #expect(world.formats[Self.proxy] == .protobuf, "the collector has answered for long enough")
    world.arrivals[url] = [Self.proxy: world.now]
    world.pass(.seconds(700))
    world.identities[url] = .other(what: "GET /receiver with status 404")
    world.pass(.seconds(20))
    world.identities[url] = .collector(instance: "2")
    world.pass(.seconds(10))
    #expect(world.formats[Self.proxy] == .protobuf, "after ten steady minutes, earlier changes are forgotten")
  }

  @Test("One line says that several proxies report in JSON again")
  func oneLine() throws {
    let url = try Self.url()
    var world = ReportWorld()
    world.identities[url] = .own
    for number in 0..<50 {
      let proxy = ProxyID(mesh: "default", name: "p\(number)")
      world.trace(proxy, to: url)
      world.connect(proxy)
    }
    world.pass(.seconds(200))
    #expect(world.formats.values.allSatisfy { $0 == .json })
    let lines = world.log.filter { $0.message == "a proxy reports its spans in JSON again" }
    #expect(lines.count == 1 && lines.first?.metadata["further proxies"] == "49")
  }

  @Test("Reasons are clauses that name the receiver and what to do")
  func words() throws {
    let url = try Self.url("https://collector.example:9411")
    let reasons: [ReportReason] = [
      .configured, .ownCollector(url), .collector(url), .unknownEnvoy(version: "1.36.2"), .unknownEnvoy(version: ""),
      .noRuntime, .path(try Self.url("http://g:1/x")), .elsewhere(url), .tooManyReceivers(256),
      .other(url, what: "GET /receiver with status 404"), .silent(url, why: "the connection was refused"),
      .unsteady(url), .notArriving(url), .noArrival(url, within: .seconds(120)),
    ]
    for reason in reasons { #expect(!reason.words.isEmpty && reason.words.last != ".") }
    #expect(ReportReason.ownCollector(url).words == "https://collector.example:9411 is this control plane's collector")
    #expect(
      ReportReason.other(url, what: "GET /receiver with status 404").words
        == "https://collector.example:9411 is another kind of collector: it answers GET /receiver with status 404")
  }
}
