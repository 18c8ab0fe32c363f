import HTTPTypes
import Logging
import MeshTestSupport
import NIOCore
import NIOEmbedded
import Testing

@testable import HTTPService

@Suite("What one client may use", .timeLimit(.minutes(15)))
struct ClientLimitTests: HTTPServerTesting {
  // MARK: Clients

  @Test("a client is an IPv4 address, or the first 64 bits of an IPv6 address") func networks() {
    #expect(ClientNetwork("192.0.2.1") != nil && ClientNetwork("192.0.2.1") != ClientNetwork("192.0.2.2"))
    #expect(ClientNetwork("2001:db8::1:1") == ClientNetwork("2001:db8::ffff:9"))
    #expect(ClientNetwork("2001:db8:0:1::1") != ClientNetwork("2001:db8::1"))
    // Addresses of IPv4 in the form of IPv6 share their first 64 bits, and are not one client.
    #expect(ClientNetwork("::ffff:192.0.2.1") == ClientNetwork("192.0.2.1"))
    #expect(ClientNetwork("::ffff:192.0.2.1") != ClientNetwork("::ffff:192.0.2.2"))
    #expect(ClientNetwork("0.0.0.0") != ClientNetwork("::"))
    for text in ["", "web", "192.0.2", "192.0.2.1:80", "[::1]"] { #expect(ClientNetwork(text) == nil, "\(text)") }
  }

  @Test("requests count for who sends them, or for the address, and this machine is nobody special")
  func keys() {
    var caller = Caller(address: "192.0.2.1", isLoopback: false, isSecure: true)
    #expect(caller.key == ClientNetwork("192.0.2.1").map { .network($0) })
    caller.identity = "ada"
    #expect(caller.key == .identity("ada"))
    #expect(Caller.local.key == .machine)
    #expect(Caller(address: nil, isLoopback: false, isSecure: false).key == .machine)
  }

  // MARK: Connections

  private func channel(from address: String) throws -> EmbeddedChannel {
    let channel = EmbeddedChannel()
    channel.remoteAddress = try SocketAddress(ipAddress: address, port: 40_000)
    return channel
  }

  /// The words that a new connection gets; nil if it has a slot.
  private func refusal(
    _ service: RequestService, of channel: EmbeddedChannel, whoseFirstWord word: String = "GET"
  ) throws -> String? {
    guard try service.place(for: channel) == nil else { return nil }
    channel.pipeline.fireChannelActive()
    try channel.writeInbound(ByteBuffer(string: word))
    return try channel.readOutbound(as: ByteBuffer.self).map { String(buffer: $0) } ?? ""
  }

  @Test("an address gets its share of the connections, others the rest, and this machine all")
  func share() throws {
    var base = service()
    base.logger.logLevel = .critical
    let service = RequestService(
      name: "test", connections: 10, connectionShare: 30, callers: base.callers, bodyLimit: 10, bodies: base.bodies,
      heads: base.heads, logger: base.logger, responder: base.responder)
    #expect(service.connections.addressLimit == 3)
    var open: [EmbeddedChannel] = []
    func take(_ address: String) throws -> String? {
      let channel = try channel(from: address)
      let words = try refusal(service, of: channel)
      if words == nil { open.append(channel) }
      return words
    }
    for host in 1...3 { #expect(try take("2001:db8::\(host)") == nil) }
    for channel in open { service.connections.slot(of: channel)?.note(hasRequest: true) }
    let words = try #require(try take("2001:db8::4"))
    #expect(words.hasPrefix("HTTP/1.1 503 ") && words.contains("Retry-After: 1\r\n"))
    #expect(
      words.hasSuffix(
        "Your address has 3 connections to this server, the most for one address; close some, send requests over fewer, or "
          + "raise general.limits.connectionShare.\n"))
    #expect(service.counts[.addressFull] == 1 && service.counts[.full] == 0)
    #expect(service.connections.addressPeak == 3)
    #expect(try take("2001:db8:0:1::4") == nil)
    for _ in 0..<6 { #expect(try take("127.0.0.1") == nil) }
    #expect(service.connections.count == 10)
    // A place that becomes free is the address's again.
    _ = try open[0].finish(acceptAlreadyClosed: true)
    #expect(service.connections.count == 9)
    #expect(try take("2001:db8::9") == nil)
    for channel in open { _ = try? channel.finish(acceptAlreadyClosed: true) }
  }

  @Test(
    "what happens at the share of an address is counted and logged with the share, not with the limit of the server")
  func shareInLog() throws {
    let log = LogRecorder()
    var service = RequestService(
      name: "test", connections: 10, connectionShare: 20, callers: service().callers, bodyLimit: 10,
      bodies: service().bodies, heads: service().heads, logger: log.logger(.info), responder: service().responder)
    service.requestLogLevel = .debug
    var open = try (0..<3).map { _ in try channel(from: "192.0.2.1") }
    for channel in open { #expect(try service.place(for: channel) != nil) }
    #expect(service.counts[.addressMadeRoom] == 1 && service.counts[.madeRoom] == 0)
    let closed = log.lines.first { $0.metadata["reason"] == "address_made_room" }
    #expect(
      closed?.message
        == "the server closes slow connections of 192.0.2.1 to accept its new ones: it has 2, the most for one "
        + "address, which general.limits.connectionShare raises")
    for channel in open { service.connections.slot(of: channel)?.note(hasRequest: true) }
    open.append(try channel(from: "192.0.2.1"))
    #expect(try service.place(for: open[3]) == nil && service.counts[.addressFull] == 1)
    let refused = log.lines.first { $0.metadata["reason"] == "address_full" }
    #expect(
      refused?.message == "the server refuses connections of 192.0.2.1, which has 2, the most for one address, which "
        + "general.limits.connectionShare raises")
    for channel in open { _ = try? channel.finish(acceptAlreadyClosed: true) }
  }

  @Test("a client that speaks HTTP/2 is refused in HTTP/2, and one that says nothing in HTTP/1.1")
  func refusedInItsProtocol() throws {
    let base = service()
    let service = RequestService(
      name: "test", connections: 1, callers: base.callers, bodyLimit: 10, bodies: base.bodies, heads: base.heads,
      logger: base.logger, responder: base.responder)
    let first = try channel(from: "192.0.2.1")
    let slot = try #require(try service.place(for: first))
    slot.note(hasRequest: true)
    let sentence = "The server is receiving too many requests; send the request again later."
    let second = try channel(from: "192.0.2.2")
    #expect(
      try refusal(service, of: second, whoseFirstWord: "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        == String(buffer: GoAway.only(GoAway.enhanceYourCalm, sentence)))
    let silent = try channel(from: "192.0.2.3")
    #expect(try service.place(for: silent) == nil)
    silent.pipeline.fireChannelActive()
    #expect(try silent.readOutbound(as: ByteBuffer.self) == nil)
    silent.embeddedEventLoop.advanceTime(by: .milliseconds(500))
    let words = try #require(try silent.readOutbound(as: ByteBuffer.self))
    #expect(String(buffer: words).hasPrefix("HTTP/1.1 503 ") && String(buffer: words).hasSuffix(sentence + "\n"))
    for channel in [first, second, silent] { _ = try? channel.finish(acceptAlreadyClosed: true) }
  }

  @Test("at its share, an address loses its own idle connections, and nobody else's")
  func ownConnections() throws {
    let budget = ConnectionBudget(limit: 100, share: 2)
    let other = try channel(from: "192.0.2.9")
    let first = try channel(from: "192.0.2.1")
    let second = try channel(from: "192.0.2.1")
    for channel in [other, first, second] { _ = budget.enter(channel) }
    let third = try channel(from: "192.0.2.1")
    guard case .entered(_, let room) = budget.enter(third) else {
      Issue.record("the connection has no place")
      return
    }
    #expect(room == .ofAddress && budget.count == 3 && budget.addressPeak == 2)
    let places = [other, first, second, third].map { budget.slot(of: $0) != nil }
    #expect(places == [true, false, true, true])
  }

  @Test(
    "a share is at least one connection, and 100 percent are all",
    arguments: [
      (2_000, 25, 500), (2_000, 100, 2_000), (56, 25, 14), (8, 1, 1), (988_000, 33, 326_040),
    ]) func shares(limit: Int, share: Int, connections: Int)
  {
    #expect(AddressLimit.connections(of: limit, share: share) == connections)
  }

  // MARK: Requests a second

  @Test("a client sends twice its requests of a second at once, then as many as it gets back") func rates() throws {
    let rates = RequestRates(requestsPerSecond: 5)
    let start = ContinuousClock.now
    let client = ClientKey.identity("ada")
    for _ in 0..<10 { #expect(rates.wait(of: client, at: start) == nil) }
    #expect(rates.wait(of: client, at: start) == 1)
    #expect(rates.wait(of: .identity("bob"), at: start) == nil)
    let later = start + .seconds(1)
    for _ in 0..<5 { #expect(rates.wait(of: client, at: later) == nil) }
    #expect(rates.wait(of: client, at: later) != nil)
  }

  @Test("clients are remembered within a bound, the newest longest") func bound() throws {
    var allowances = Allowances<Int>(each: Allowance(burst: 1, recovery: .seconds(60)), clientsAtMost: 100)
    let now = ContinuousClock.now
    for client in 0..<1_000 {
      allowances.use(client, at: now)
      #expect(allowances.count <= 100)
      for known in max(0, client - 49)...client { #expect(allowances.wait(of: known, at: now) != nil) }
    }
    #expect(allowances.wait(of: 0, at: now) == nil)
  }

  /// Lets everybody in by the name in a field.
  private struct Names: RequestAccess {
    func decide(on request: HTTPRequest, from caller: Caller) -> AccessDecision {
      var caller = caller
      caller.identity = request.headerFields[.authorization]
      return .allowed(caller)
    }
  }

  @Test("who sends too many requests in a second gets 429 with a sentence, on a connection that goes on; others do not")
  func tooMany() async throws {
    var service = service()
    service.access = Names()
    service.rates = RequestRates(requestsPerSecond: 1)
    service.limitsRate = { $0.path != "/spans" }
    try await serving(service) { [service] port in
      let ada = "host: localhost\r\nauthorization: ada\r\n"
      let connection = try await RawConnection(port: port)
      // Two at once, and perhaps one for each second in which the machine is busy.
      var number = 0
      repeat {
        number += 1
        connection.send(get("/\(number)", close: false, ada))
        try await eventually { connection.text.components("HTTP/1.1 ") == number }
      } while !connection.text.contains("HTTP/1.1 429 ") && number < 1_000
      let words = connection.text
      #expect(words.components("HTTP/1.1 429 ") == 1 && words.components("HTTP/1.1 200 ") == number - 1 && number > 2)
      #expect(
        words.contains(
          "You send more than 1 requests a second; send the request again in 1 s, or raise general.limits.requestsPerSecond.\n"
        ))
      #expect(words.contains("Retry-After: 1\r\n") && !connection.isClosed)
      #expect(service.counts[.rate] == words.components("HTTP/1.1 429 "))
      // What senders of spans get is never 429; somebody else, and this machine without a name, have their own count.
      for _ in 0..<5 { #expect(try await exchange(port, get("/spans", ada)).hasPrefix("HTTP/1.1 200 ")) }
      #expect(
        try await exchange(port, get("/", "host: localhost\r\nauthorization: bob\r\n")).hasPrefix("HTTP/1.1 200 "))
      for _ in 0..<5 { #expect(try await exchange(port, get()).hasPrefix("HTTP/1.1 200 ")) }
      connection.close()
    }
  }

  @Test("an address counts before it is known who sends, so that guesses of passwords count")
  func addressFirst() throws {
    struct Unasked: RequestAccess {
      func decide(on request: HTTPRequest, from caller: Caller) -> AccessDecision {
        Issue.record("the token of a refused request was checked")
        return .allowed(caller)
      }
    }
    var service = service()
    let rates = RequestRates(requestsPerSecond: 1)
    (service.rates, service.access) = (rates, Unasked())
    let network = try #require(ClientNetwork("192.0.2.1"))
    // Enough for every second that the machine may be busy.
    while rates.wait(of: .network(network), at: .now) == nil {}
    let channel = try channel(from: "192.0.2.1")
    let slot = try #require(try service.place(for: channel))
    try service.configure(channel, slot: slot, isSecure: false)
    channel.connect(to: try SocketAddress(ipAddress: "192.0.2.1", port: 40_000), promise: nil)
    try channel.writeInbound(ByteBuffer(string: get("/", close: false)))
    var answer = ""
    while let part = try channel.readOutbound(as: IOData.self) {
      if case .byteBuffer(let bytes) = part { answer += String(buffer: bytes) }
    }
    #expect(answer.hasPrefix("HTTP/1.1 429 "), "\(answer)")
    _ = try? channel.finish(acceptAlreadyClosed: true)
  }
}
