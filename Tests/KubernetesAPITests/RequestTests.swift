import Documents
import NIOHTTP1
import TestSupport
import Testing

@testable import KubernetesAPI

@Suite("Requests to the API server") struct RequestTests {
  private static let trace = KubernetesKind(
    group: "kuma.io", version: "v1alpha1", kind: "TrafficTrace", plural: "traffictraces", isNamespaced: false)

  private func path(_ kind: KubernetesKind, namespace: String? = nil, _ name: String?) throws -> String {
    try APIRequest(verb: "get", kind: kind, namespace: namespace, name: name, method: .GET).path(on: "s")
  }

  @Test("have the path of their kind, in which no name can be anything but a name") func paths() throws {
    #expect(try path(Self.trace, nil) == "/apis/kuma.io/v1alpha1/traffictraces")
    #expect(try path(.secret, namespace: "a", "b") == "/api/v1/namespaces/a/secrets/b")
    #expect(try path(.secret, nil) == "/api/v1/secrets")
    #expect(try path(Self.trace, namespace: "a", "b") == "/apis/kuma.io/v1alpha1/traffictraces/b")
    #expect(try path(Self.trace, "a/b?c#d%e é") == "/apis/kuma.io/v1alpha1/traffictraces/a%2Fb%3Fc%23d%25e%20%C3%A9")
    var request = APIRequest(verb: "patch", kind: Self.trace, name: "a", subresource: "status", method: .PATCH)
    request.query = [("fieldManager", "a&b=c")]
    #expect(try request.path(on: "s") == "/apis/kuma.io/v1alpha1/traffictraces/a/status?fieldManager=a%26b%3Dc")
    request = APIRequest(verb: "watch", kind: .secret, namespace: "a", selectedName: "b", method: .GET)
    #expect(try request.path(on: "s") == "/api/v1/namespaces/a/secrets?fieldSelector=metadata.name%3Db")
  }

  @Test("with a name that would lead elsewhere are not sent", arguments: ["", ".", ".."]) func names(name: String) {
    let error = #expect(throws: KubernetesError.self) { try path(Self.trace, name) }
    #expect(error?.code == .invalid)
    #expect(throws: KubernetesError.self) { try path(.secret, namespace: name, "a") }
  }

  @Test("keep to their budget: a burst, then one after the other") func budget() {
    let start = ContinuousClock.now
    var budget = RequestBudget(perSecond: 10, burst: 3, now: start)
    #expect(
      (1...5).map { _ in budget.take(now: start) } == [.zero, .zero, .zero, .milliseconds(100), .milliseconds(200)])
    #expect(budget.take(now: start + .milliseconds(200)) == .milliseconds(100))
    #expect(budget.take(now: start + .seconds(60)) == .zero)
    var odd = RequestBudget(perSecond: -.infinity, burst: -1, now: start)
    #expect([odd.take(now: start), odd.take(now: start)] == [.zero, .seconds(100)])
  }

  // MARK: Refusals

  private func error(
    _ status: Int, _ body: String, verb: String = "list", namespace: String? = nil, kind: KubernetesKind = trace
  ) -> KubernetesError {
    StatusReply(status: status, body: Array(body.utf8)).error(
      for: APIRequest(verb: verb, kind: kind, namespace: namespace, method: .GET), on: "https://s")
  }

  private static func status(_ reason: String, _ message: String, _ more: String = "") -> String {
    #"{"kind": "Status", "reason": "\#(reason)", "message": "\#(message)"\#(more)}"#
  }

  @Test(
    "that are refused have a code by status and reason",
    arguments: [
      (400, "", KubernetesError.Code.invalid), (401, "", .unauthorized), (403, "", .forbidden),
      (404, "404 page not found\n", .kindNotServed), (409, status("Conflict", "x"), .conflict),
      (409, status("AlreadyExists", "x"), .alreadyExists), (410, status("Expired", "x"), .expired), (422, "", .invalid),
      (429, "", .tooManyRequests), (500, "", .unavailable), (503, "", .unavailable), (302, "", .unreadable),
    ]) func codes(status: Int, body: String, code: KubernetesError.Code)
  {
    #expect(error(status, body).code == code)
    #expect(error(status, body).status == status)
  }

  @Test("for an object that is missing are told from those for a kind that is not served") func notFound() {
    #expect(error(404, Self.status("NotFound", "x"), verb: "get").code == .notFound)
    #expect(error(404, "404 page not found", verb: "get").code == .kindNotServed)
  }

  @Test("say what is missing and who has to get it") func remedies() {
    let message =
      #"traffictraces.kuma.io is forbidden: User \"system:serviceaccount:mesh:cp\" cannot list resource"#
      + #" \"traffictraces\" in API group \"kuma.io\" at the cluster scope"#
    #expect(
      error(403, Self.status("Forbidden", message)).message.hasSuffix(
        #"; give the service account "mesh/cp" the verb "list" on "traffictraces.kuma.io""#))
    #expect(
      error(403, Self.status("Forbidden", #"User \"jane\" cannot get"#), verb: "get", namespace: "a", kind: .secret)
        .message
        == #"cannot get "secrets" in namespace "a" at https://s: User "jane" cannot get; give the user "jane" the verb "get" on "secrets" in namespace "a""#
    )
    #expect(
      error(404, "404 page not found\n").message
        == #"cannot list "traffictraces.kuma.io" at https://s: 404 page not found; install the custom resources: kumactl install crds | kubectl apply -f -"#
    )
    #expect(
      error(403, Self.status("Forbidden", "admission webhook \\\"w\\\" denied the request: no")).message
        == #"cannot list "traffictraces.kuma.io" at https://s: admission webhook "w" denied the request: no"#)
    #expect(
      error(500, Self.status("InternalError", "failed calling webhook \\\"w\\\": x")).message.contains("caBundle"))
  }

  @Test("are printable and bounded whatever the other side says") func hostile() {
    let long = error(500, "\u{1b}[2J" + String(repeating: "x", count: 100_000))
    #expect(long.message.utf8.count < 2000)
    #expect(!long.message.utf8.contains(0x1b))
    #expect(error(500, Self.status("x", "a", #","details":{"retryAfterSeconds":1e300}"#)).retryAfter == nil)
    #expect(error(503, Self.status("x", "a", #","details":{"retryAfterSeconds":99999}"#)).retryAfter == 3600)
  }

  // MARK: Lines of a watch

  private func line(_ type: String, _ version: Int) -> String {
    #"{"type":"\#(type)","object":{"kind":"TrafficTrace","apiVersion":"kuma.io/v1alpha1","#
      + #""metadata":{"name":"é","resourceVersion":"\#(version)"}}}"# + "\n"
  }

  @Test("of a watch are events, wherever the network cuts them", arguments: [1, 2, 3]) func lines(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let types = ["ADDED", "MODIFIED", "DELETED", "BOOKMARK"]
    let text = (1...200).map { line(types[$0 % 4], $0) }.joined(separator: "\r\n")
    var rest = Array(text.utf8)[...]
    var reader = WatchLineReader(Self.trace, limit: 1000)
    var events: [WatchEvent] = []
    while !rest.isEmpty {
      let count = Int.random(in: 0...300, using: &random)
      try reader.take(rest.prefix(count), into: &events)
      rest = rest.dropFirst(count)
    }
    #expect(!reader.isWithinLine)
    #expect(events.count == 200)
    for (index, event) in events.enumerated() {
      let version = String(index + 1)
      switch event {
      case .modified(let object) where (index + 1) % 4 == 1: #expect(object.resourceVersion == version)
      case .deleted(let object) where (index + 1) % 4 == 2: #expect(object.name == "é")
      case .bookmark(version) where (index + 1) % 4 == 3: break
      case .added(let object) where (index + 1) % 4 == 0: #expect(object.resourceVersion == version)
      default: Issue.record("\(event) at \(index)")
      }
    }
  }

  @Test(
    "that are no events end the watch, after the events before them",
    arguments: [
      "x\n", "[]\n", "{}\n", #"{"type":"ADDED"}"# + "\n", #"{"type":"ADDED","object":5}"# + "\n",
      #"{"type":"NEW","object":{}}"# + "\n", String(repeating: "x", count: 1001),
      String(repeating: "[", count: 900) + "\n",
    ]) func noEvents(text: String)
  {
    var reader = WatchLineReader(Self.trace, limit: 1000)
    var events: [WatchEvent] = []
    #expect(throws: WatchLineReader.Stop.self) { try reader.take((line("ADDED", 1) + text).utf8, into: &events) }
    #expect(events.count == 1)
  }

  @Test("with an error end the watch with its code") func errorEvent() throws {
    var reader = WatchLineReader(Self.trace, limit: 1000)
    var events: [WatchEvent] = []
    let stop = #expect(throws: WatchLineReader.Stop.self) {
      try reader.take(
        (#"{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired","message":"too old"}}"# + "\n").utf8,
        into: &events)
    }
    guard case .error(let reply)? = stop else {
      Issue.record("\(String(describing: stop))")
      return
    }
    #expect(reply.code(verb: "watch") == .expired)
    #expect(reply.words == "too old")
  }
}
