import Documents
import KubernetesTestSupport
import Logging
import OrderedCollections
import TestSupport
import Testing

@testable import KubernetesAPI

@Suite("Events on a real API server", .onKubernetes, .heavy) struct EventRecorderTests {
  @Test("an event about an object in a namespace and about one outside, as kubectl shows them") func events()
    async throws
  {
    let server = try await KubernetesServer.shared()
    let namespace = try await server.makeNamespace()
    let client = try server.client()
    let recorder = EventRecorder(
      client: client, component: "kuma-control-plane", instance: "a", logger: Logger(label: "test"))
    let running = Task { await recorder.run() }
    let object = try await client.create(
      .configMap, KubernetesObject(.configMap, namespace: namespace, name: "subject"))
    let outside = try await client.get(.namespace, name: namespace)
    for _ in 0..<3 {
      recorder.record(.warning, about: .init(object), reason: "BackendUnknown", message: "there is no\nbackend \"x\"")
    }
    recorder.record(.normal, about: .init(outside), reason: "Accepted", message: "it is there")
    try await eventually("the events") {
      let lines = try await server.succeed(["get", "events", "--namespace", namespace])
      return lines.contains("BackendUnknown") && lines.contains("there is no\\nbackend \"x\"")
    }
    let events = try await client.list(.event, namespace: namespace).objects.filter {
      $0["involvedObject"]?["name"] == "subject"
    }
    #expect(events.count == 1 && events.first?["type"] == "Warning")
    #expect(events.first?["involvedObject"]?["uid"] == .string(object.uid))
    try await eventually("the event about the namespace") {
      try await client.list(.event, namespace: "default").objects.contains {
        $0["involvedObject"]?["uid"] == .string(outside.uid) && $0["reason"] == "Accepted"
      }
    }
    let description = try await server.succeed(["describe", "configmap", "subject", "--namespace", namespace])
    #expect(description.contains("BackendUnknown"))
    running.cancel()
    await running.value
  }

  private func key(
    _ name: String, _ message: String = "m", _ severity: EventRecorder.Severity = .warning
  ) -> EventAggregation.Key {
    .init(
      object: .init(KubernetesObject(.configMap, namespace: "n", name: name)), severity: severity, reason: "R",
      message: message)
  }

  @Test("what is said again counts up, and is written once a minute") func counting() throws {
    var aggregation = EventAggregation()
    let now = Timestamp(seconds: 1)
    aggregation.record(key("a"), at: now)
    let sent = aggregation.next(at: .zero)
    let first = try #require(sent)
    #expect(first.count == 1 && first.name == nil)
    aggregation.sent(first, name: "a.1")
    #expect(aggregation.nextTime(at: .zero) == nil)
    for second in 2..<50 as Range<Int64> { aggregation.record(key("a"), at: Timestamp(seconds: second)) }
    #expect(aggregation.next(at: .seconds(59)) == nil)
    #expect(aggregation.nextTime(at: .seconds(59)) == .seconds(60))
    let again = aggregation.next(at: .seconds(60))
    let second = try #require(again)
    #expect(second.count == 49 && second.name == "a.1" && second.first == now && second.last.seconds == 49)
    // The API server forgets events after an hour: it is created anew.
    aggregation.failed(second, isLost: false, isGone: true)
    #expect(aggregation.next(at: .seconds(61))?.name == nil)
  }

  @Test("many different ones go slowly, and what is remembered has a bound") func bounds() {
    let pace = EventAggregation.Pace(limit: 100, burst: 20, interval: .milliseconds(100))
    var aggregation = EventAggregation(pace)
    for number in 0..<(pace.limit + 5) { aggregation.record(key("o\(number)"), at: Timestamp(seconds: 1)) }
    #expect(aggregation.dropped == 5)
    var sent = 0
    while let next = aggregation.next(at: .zero) {
      aggregation.sent(next, name: "n")
      sent += 1
    }
    #expect(sent == pace.burst)
    #expect(aggregation.nextTime(at: .zero) == pace.interval)
    #expect(aggregation.next(at: pace.interval) != nil)
    #expect(aggregation.next(at: pace.interval) == nil)
    // One that has been sent makes room.
    aggregation.record(key("new"), at: Timestamp(seconds: 2))
    #expect(aggregation.dropped == 5)
    // After a rest not more go at once than at the start.
    sent = 0
    while aggregation.next(at: .seconds(3600)) != nil { sent += 1 }
    #expect(sent == pace.burst)
  }

  @Test("warnings go before what went well, and push it out where there is no room") func warnings() {
    var aggregation = EventAggregation(.init(limit: 3, burst: 10))
    for name in ["a", "b", "c"] { aggregation.record(key(name, "m", .normal), at: Timestamp(seconds: 1)) }
    aggregation.record(key("wrong"), at: Timestamp(seconds: 2))
    #expect(aggregation.dropped == 1)
    var names: [String] = []
    while let next = aggregation.next(at: .zero) {
      aggregation.sent(next, name: "n")
      names.append(next.key.object.name)
    }
    #expect(names == ["wrong", "b", "c"])
  }
}
