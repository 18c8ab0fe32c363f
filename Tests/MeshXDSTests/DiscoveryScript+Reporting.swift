import Foundation
import MeshModel
import MeshPolicy

@testable import MeshXDS

/// The runtime of a proxy and its listeners. `rtds #1 5 spans, …` is a mode of reporting.
extension DiscoveryScript {
  private static func reporting(_ format: TracingDestination.ZipkinFormat, isAutomatic: Bool = false) -> SpanReporting {
    let url = try? CollectorURL("http://127.0.0.1:9411/api/v2/spans")
    let receiver = url.map {
      TracingDestination.Receiver.zipkin($0, ZipkinOptions(format: format, isAutomatic: isAutomatic))
    }
    return SpanReporting(
      receiver.map { TracingDestination(backend: "b", sampling: nil, receiver: $0) },
      tracer: ContentHash(of: Data("\(format) \(isAutomatic)".utf8)))
  }

  private static let json = ProxySnapshot.words(cds: "tracing:b", lds: "l", reporting: reporting(.json))
  private static let auto = ProxySnapshot.words(
    cds: "tracing:b=2", lds: "l=2", reporting: reporting(.protobuf, isAutomatic: true))
  private static let sampled = ProxySnapshot.words(cds: "tracing:b", lds: "l=3", reporting: reporting(.json))
  private static let untraced = ProxySnapshot.words(cds: "", lds: "l=4")

  /// The version that a proxy holds of a mode.
  private static func version(_ snapshot: ProxySnapshot, short: Bool = false, spans: Int? = nil) -> String {
    var mode = ReportingMode(snapshot.reporting)
    if short { mode.interval = ReportingMode.shortInterval }
    if let spans { mode.minimumSpans = spans }
    return mode.resources.version
  }

  /// Brings a new proxy to report in JSON. The next nonce is 6.
  private static let freshStart: [(Step, [String])] = [
    (.snapshot(json), []),
    (.ask(.rtds, "tracing"), ["node n", "rtds #1 5 spans, 0.005 seconds, small buffers"]),
    (.sent, []),
    (.ask(.rtds, "tracing", nonce: "1"), ["ack rtds #1"]),
    (.ask(.cds), ["cds #2 tracing:b"]),
    (.sent, []),
    (.ask(.cds, nonce: "2"), ["ack cds #2"]),
    // Only now it is known that the proxy has no tracer from an earlier stream.
    (.ask(.lds), ["rtds #3 256 spans, 0.005 seconds"]),
    (.sent, []),
    (.ask(.rtds, "tracing", nonce: "3"), ["ack rtds #3", "lds #4 l"]),
    (.sent, []),
    (.ask(.lds, nonce: "4"), ["ack lds #4", "rtds #5 5 spans, 5.0 seconds"]),
    (.sent, []),
    (.ask(.rtds, "tracing", nonce: "5"), ["ack rtds #5"]),
  ]

  /// Listeners with another tracer are sent when buffers are made large again.
  private static let anotherTracer: [(Step, [String])] =
    freshStart + [
      (.snapshot(auto), ["rtds #6 5 spans, 0.005 seconds"]), (.sent, []),
      (.ask(.rtds, "tracing", nonce: "6"), ["ack rtds #6", "wait intervals 6.0 seconds"]),
      (.passed(.intervals, 1), ["rtds #7 256 spans, 0.005 seconds"]), (.sent, []),
      (.ask(.rtds, "tracing", nonce: "7"), ["ack rtds #7", "cds #8 tracing:b"]), (.sent, []),
      (.ask(.cds, nonce: "8"), ["ack cds #8", "lds #9 l"]), (.sent, []),
    ]

  static let reporting: [DiscoveryScript] = [
    DiscoveryScript("a new proxy gets listeners while buffers are made large", freshStart),
    DiscoveryScript(
      "another tracer waits for the timers, the tracing cluster with it, and intervals are short at the end of the drain",
      anotherTracer + [
        (.ask(.lds, nonce: "9"), ["ack lds #9", "wait drain 29.0 seconds", "rtds #10 50 spans, 0.1 seconds"]),
        (.sent, []), (.ask(.rtds, "tracing", nonce: "10"), ["ack rtds #10"]),
        (.passed(.drain, 2), ["wait drain 2.0 seconds", "rtds #11 50 spans, 0.005 seconds"]), (.sent, []),
        (.ask(.rtds, "tracing", nonce: "11"), ["ack rtds #11", "wait intervals 0.12 seconds"]),
        (.passed(.intervals, 4), []), (.passed(.drain, 3), ["rtds #12 50 spans, 1.0 seconds"]), (.sent, []),
        (.ask(.rtds, "tracing", nonce: "12"), ["ack rtds #12"]),
      ]),
    DiscoveryScript(
      "another sampling is sent at once",
      freshStart + [
        (.snapshot(sampled), ["lds #6 l"]), (.sent, []), (.ask(.lds, nonce: "6"), ["ack lds #6"]),
      ]),
    DiscoveryScript(
      "a tracer is removed when intervals are being shortened, and the next one needs no wait after the drain",
      freshStart + [
        (.snapshot(untraced), ["rtds #6 5 spans, 0.005 seconds"]), (.sent, []),
        (.ask(.rtds, "tracing", nonce: "6"), ["ack rtds #6", "wait intervals 6.0 seconds", "lds #7 l"]), (.sent, []),
        (.ask(.lds, nonce: "7"), ["ack lds #7", "wait drain 31.0 seconds", "cds #8"]), (.sent, []),
        (.ask(.cds, nonce: "8"), ["ack cds #8"]), (.passed(.intervals, 1), []),
        (.passed(.drain, 2), ["rtds #9 5 spans, 5.0 seconds"]), (.sent, []),
        (.ask(.rtds, "tracing", nonce: "9"), ["ack rtds #9"]),
        (.snapshot(json), ["cds #10 tracing:b"]), (.sent, []),
        (.ask(.cds, nonce: "10"), ["ack cds #10", "rtds #11 256 spans, 0.005 seconds"]), (.sent, []),
        (.ask(.rtds, "tracing", nonce: "11"), ["ack rtds #11", "lds #12 l"]),
      ]),
    DiscoveryScript(
      "a change that is undone before its time sends no listeners",
      freshStart + [
        (.snapshot(auto), ["rtds #6 5 spans, 0.005 seconds"]), (.sent, []),
        (.ask(.rtds, "tracing", nonce: "6"), ["ack rtds #6", "wait intervals 6.0 seconds"]),
        (.snapshot(json), ["rtds #7 5 spans, 5.0 seconds"]), (.sent, []),
        (.ask(.rtds, "tracing", nonce: "7"), ["ack rtds #7"]), (.passed(.intervals, 1), []),
      ]),
    DiscoveryScript(
      "listeners that are refused leave the smaller reports of both forms",
      anotherTracer + [
        (
          .ask(.lds, nonce: "9", error: "no"),
          ["nack lds #9 no", "wait drain 29.0 seconds", "rtds #10 5 spans, 0.1 seconds"]
        ),
        (.sent, []), (.ask(.rtds, "tracing", nonce: "10"), ["ack rtds #10"]),
        (.passed(.drain, 2), ["wait drain 2.0 seconds", "rtds #11 5 spans, 0.005 seconds"]), (.sent, []),
        (.ask(.rtds, "tracing", nonce: "11"), ["ack rtds #11", "wait intervals 0.12 seconds"]),
        (.passed(.drain, 3), ["rtds #12 5 spans, 1.0 seconds"]),
      ]),
    DiscoveryScript(
      "a runtime that is refused holds nothing back",
      [
        (.snapshot(json), []), (.ask(.rtds, "tracing"), ["node n", "rtds #1 5 spans, 0.005 seconds, small buffers"]),
        (.sent, []), (.ask(.rtds, "tracing", nonce: "1", error: "no"), ["nack rtds #1 no"]),
        (.ask(.cds), ["cds #2 tracing:b"]), (.sent, []), (.ask(.cds, nonce: "2"), ["ack cds #2"]),
        (.ask(.lds), ["lds #3 l"]),
      ]),
    DiscoveryScript(
      "a proxy that comes back and holds everything gets nothing",
      [
        (.snapshot(json), []), (.ask(.rtds, "tracing", version: version(json)), ["node n"]),
        (.ask(.cds, version: json.clusters.version), []), (.ask(.lds, version: json.listeners.version), []),
      ]),
    DiscoveryScript(
      "a proxy that comes back with other listeners waits for its timers",
      [
        (.snapshot(auto), []), (.ask(.rtds, "tracing", version: version(json)), ["node n"]),
        (.ask(.cds, version: auto.clusters.version), []),
        (.ask(.lds, version: json.listeners.version), ["rtds #1 5 spans, 0.005 seconds"]), (.sent, []),
        (.ask(.rtds, "tracing", nonce: "1"), ["ack rtds #1", "wait intervals 6.0 seconds"]),
        (.passed(.intervals, 1), ["rtds #2 256 spans, 0.005 seconds"]),
      ]),
    DiscoveryScript(
      "a proxy that comes back while its buffers are made large goes on there",
      [
        (.snapshot(auto), []),
        (.ask(.rtds, "tracing", version: version(auto, short: true, spans: 256)), ["node n"]),
        (.ask(.cds, version: auto.clusters.version), []),
        (.ask(.lds, version: json.listeners.version), ["wait drain 31.0 seconds", "lds #1 l"]),
      ]),
    DiscoveryScript(
      "a proxy that brings listeners and no runtime has small buffers, and keeps small reports",
      [
        (.snapshot(json), []), (.ask(.rtds, "tracing"), ["node n", "rtds #1 5 spans, 0.005 seconds, small buffers"]),
        (.sent, []), (.ask(.rtds, "tracing", nonce: "1"), ["ack rtds #1"]),
        (.ask(.cds, version: json.clusters.version), []),
        (
          .ask(.lds, version: json.listeners.version),
          ["wait intervals 6.0 seconds", "wait drain 31.0 seconds"]
        ),
        (.passed(.intervals, 1), []), (.passed(.drain, 2), ["rtds #2 5 spans, 5.0 seconds, small buffers"]),
        (.sent, []), (.ask(.rtds, "tracing", nonce: "2"), ["ack rtds #2"]),
        (.snapshot(auto), ["rtds #3 5 spans, 0.005 seconds, small buffers"]), (.sent, []),
        (.ask(.rtds, "tracing", nonce: "3"), ["ack rtds #3", "wait intervals 6.0 seconds"]),
        (.passed(.intervals, 3), ["cds #4 tracing:b"]), (.sent, []),
        (.ask(.cds, nonce: "4"), ["ack cds #4", "lds #5 l"]), (.sent, []),
        (
          .ask(.lds, nonce: "5"),
          ["ack lds #5", "wait drain 29.0 seconds", "rtds #6 5 spans, 0.1 seconds, small buffers"]
        ), (.sent, []), (.ask(.rtds, "tracing", nonce: "6"), ["ack rtds #6"]),
      ]),
    DiscoveryScript(
      "a proxy whose bootstrap has no runtime gets everything at once",
      [
        (.snapshot(json), []), (.ask(.cds), ["node n", "cds #1 tracing:b"]), (.sent, []),
        (.ask(.cds, nonce: "1"), ["ack cds #1"]), (.ask(.lds), ["lds #2 l"]), (.sent, []),
        (.ask(.lds, nonce: "2"), ["ack lds #2"]), (.snapshot(auto), ["cds #3 tracing:b"]), (.sent, []),
        (.ask(.cds, nonce: "3"), ["ack cds #3", "lds #4 l"]),
      ]),
    DiscoveryScript(
      "the same over delta: a new proxy, then another tracer", .incremental,
      [
        (.snapshot(json), []),
        (.change(.rtds, "tracing"), ["node n", "rtds #1 5 spans, 0.005 seconds, small buffers"]), (.sent, []),
        (.change(.rtds, nonce: "1"), ["ack rtds #1"]), (.change(.cds), ["cds #2 tracing:b"]), (.sent, []),
        (.change(.cds, nonce: "2"), ["ack cds #2"]), (.change(.lds), ["rtds #3 256 spans, 0.005 seconds"]),
        (.sent, []), (.change(.rtds, nonce: "3"), ["ack rtds #3", "lds #4 l"]), (.sent, []),
        (.change(.lds, nonce: "4"), ["ack lds #4", "rtds #5 5 spans, 5.0 seconds"]), (.sent, []),
        (.change(.rtds, nonce: "5"), ["ack rtds #5"]),
        (.snapshot(auto), ["rtds #6 5 spans, 0.005 seconds"]), (.sent, []),
        (.change(.rtds, nonce: "6"), ["ack rtds #6", "wait intervals 6.0 seconds"]),
        (.passed(.intervals, 1), ["rtds #7 256 spans, 0.005 seconds"]), (.sent, []),
        (.change(.rtds, nonce: "7"), ["ack rtds #7", "cds #8 tracing:b"]), (.sent, []),
        (.change(.cds, nonce: "8"), ["ack cds #8", "lds #9 l"]),
      ]),
    DiscoveryScript(
      "a proxy that comes back over delta and holds everything gets nothing", .incremental,
      [
        (.snapshot(json), []),
        (
          .change(.rtds, "tracing", held: ["tracing": ReportingMode(json.reporting).resources.resources[0].version]),
          ["node n"]
        ),
        (.change(.cds, held: ["tracing:b": json.clusters.resources[0].version]), []),
        (.change(.lds, held: ["l": json.listeners.resources[0].version]), []),
      ]),
  ]
}
