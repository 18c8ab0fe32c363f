import EnvoyAPI
import MeshXDS

extension DiscoveryScript {
  static let first = ProxySnapshot.words(cds: "a b", eds: "a", lds: "l")
  static let cdsVersion = first.clusters.version
  static let edsVersion = first.endpoints.version
  static let ldsVersion = first.listeners.version

  /// Brings a stream to hold `first`.
  static let start: [(Step, [String])] = [
    (.ask(.cds), ["node n"]),
    (.snapshot(first), ["cds #1 a b"]),
    (.sent, []),
    (.ask(.eds, "a"), ["eds #2 a"]),
    (.sent, []),
    (.ask(.eds, "a", version: edsVersion, nonce: "2"), ["ack eds #2"]),
    (.ask(.lds), []),
    (.ask(.cds, version: cdsVersion, nonce: "1"), ["ack cds #1", "lds #3 l"]),
    (.sent, []),
    (.ask(.lds, version: ldsVersion, nonce: "3"), ["ack lds #3"]),
  ]

  static let startIncremental: [(Step, [String])] = [
    (.change(.cds), ["node n"]),
    (.snapshot(first), ["cds #1 a b"]),
    (.sent, []),
    (.change(.eds, "a"), ["eds #2 a"]),
    (.sent, []),
    (.change(.eds, nonce: "2"), ["ack eds #2"]),
    (.change(.lds), []),
    (.change(.cds, nonce: "1"), ["ack cds #1", "lds #3 l"]),
    (.sent, []),
    (.change(.lds, nonce: "3"), ["ack lds #3"]),
  ]

  static let all: [DiscoveryScript] = [
    DiscoveryScript("clusters, endpoints, listeners in this order", start),
    DiscoveryScript(
      "all types asked for at once still go in order",
      [
        (.ask(.lds), ["node n"]), (.ask(.eds, "a"), []), (.ask(.cds), []),
        (.snapshot(first), ["cds #1 a b"]), (.sent, ["eds #2 a"]), (.sent, []),
        (.ask(.cds, nonce: "1"), ["ack cds #1"]), (.ask(.eds, "a", nonce: "2"), ["ack eds #2", "lds #3 l"]),
      ]),
    DiscoveryScript(
      "clusters and listeners without endpoints asked for",
      [
        (.snapshot(first), []), (.ask(.cds), ["node n", "cds #1 a b"]), (.ask(.lds), []), (.sent, []),
        (.ask(.cds, nonce: "1"), ["ack cds #1", "lds #2 l"]), (.sent, []), (.ask(.lds, nonce: "2"), ["ack lds #2"]),
      ]),
    DiscoveryScript(
      "an equal snapshot sends nothing", start + [(.snapshot(.words(cds: "b a", eds: "a", lds: "l")), [])]),
    DiscoveryScript(
      "a replaced cluster goes after the listeners",
      start + [
        (.snapshot(.words(cds: "a c", eds: "a", lds: "l=2")), ["cds #4 a b c"]), (.sent, []),
        (.ask(.cds, nonce: "4"), ["ack cds #4", "lds #5 l"]), (.sent, []),
        (.ask(.lds, nonce: "5"), ["ack lds #5", "cds #6 a c"]), (.sent, []), (.ask(.cds, nonce: "6"), ["ack cds #6"]),
      ]),
    DiscoveryScript(
      "a removed cluster goes after the listeners, with no message before",
      start + [
        (.snapshot(.words(cds: "a", eds: "a", lds: "l=2")), ["lds #4 l"]), (.sent, []),
        (.ask(.lds, nonce: "4"), ["ack lds #4", "cds #5 a"]),
      ]),
    DiscoveryScript(
      "a removed cluster that no listener named goes at once",
      start + [(.snapshot(.words(cds: "a", eds: "a", lds: "l")), ["cds #4 a"])]),
    DiscoveryScript(
      "a refused listener keeps the old clusters",
      start + [
        (.snapshot(.words(cds: "a", eds: "a", lds: "l=2")), ["lds #4 l"]), (.sent, []),
        (.ask(.lds, nonce: "4", error: "bad"), ["nack lds #4 bad"]),
        (.snapshot(.words(cds: "a", eds: "a", lds: "l=3")), ["lds #5 l"]), (.sent, []),
        (.ask(.lds, nonce: "5"), ["ack lds #5", "cds #6 a"]),
      ]),
    DiscoveryScript(
      "a refused version is not sent again, other types go on",
      start + [
        (.snapshot(.words(cds: "a b=2", eds: "a", lds: "l")), ["cds #4 a b"]), (.sent, []),
        (.ask(.cds, nonce: "4", error: "bad"), ["nack cds #4 bad"]),
        (.ask(.cds, nonce: "4", error: "bad"), []),
        (.snapshot(.words(cds: "a b=2", eds: "a=2", lds: "l=2")), ["eds #5 a"]), (.sent, []),
        (.ask(.eds, "a", nonce: "5"), ["ack eds #5", "lds #6 l"]), (.sent, []),
        (.ask(.lds, nonce: "6"), ["ack lds #6"]),
        (.snapshot(.words(cds: "a b=3", eds: "a=2", lds: "l=2")), ["cds #7 a b"]),
      ]),
    DiscoveryScript(
      "an updated cluster gets its unchanged endpoints before it is acknowledged, its request is not answered twice",
      start + [
        (.snapshot(.words(cds: "a=2 b", eds: "a", lds: "l=2")), ["cds #4 a b"]), (.sent, ["eds #5 a"]), (.sent, []),
        (.ask(.eds, "a", version: edsVersion, nonce: "2"), []),
        (.ask(.eds, "a", version: edsVersion, nonce: "5"), ["ack eds #5"]),
        (.ask(.cds, nonce: "4"), ["ack cds #4", "lds #6 l"]),
      ]),
    DiscoveryScript(
      "a new cluster gets its endpoints before it is acknowledged",
      start + [
        (.snapshot(.words(cds: "a b c", eds: "a c", lds: "l=2")), ["cds #4 a b c"]), (.sent, []),
        (.ask(.eds, "a c", version: edsVersion, nonce: "2"), ["eds #5 c"]), (.sent, []),
        (.ask(.eds, "a c", nonce: "5"), ["ack eds #5"]), (.ask(.cds, nonce: "4"), ["ack cds #4", "lds #6 l"]),
      ]),
    DiscoveryScript(
      "a new cluster that is withdrawn at once still gets its endpoints, as nothing would go on without",
      start + [
        (.snapshot(.words(cds: "a b c", eds: "a c", lds: "l=2")), ["cds #4 a b c"]), (.sent, []),
        (.snapshot(first), []), (.ask(.eds, "a c", version: edsVersion, nonce: "2"), ["eds #5 c"]), (.sent, []),
        (.ask(.eds, "a c", nonce: "5"), ["ack eds #5"]), (.ask(.cds, nonce: "4"), ["ack cds #4", "cds #6 a b"]),
      ]),
    DiscoveryScript(
      "a repeated request for endpoints is answered",
      start + [(.ask(.eds, "a", version: edsVersion, nonce: "2"), ["eds #4 a"])]),
    DiscoveryScript(
      "a name more is answered, a name less is not",
      start + [
        (.snapshot(.words(cds: "a b", eds: "a b", lds: "l")), []),
        (.ask(.eds, "a b", version: edsVersion, nonce: "2"), ["eds #4 b"]), (.sent, []),
        (.ask(.eds, "a b", nonce: "4"), ["ack eds #4"]), (.ask(.eds, "b", nonce: "4"), []),
        (.ask(.eds, "a b", nonce: "4"), ["eds #5 a"]),
      ]),
    DiscoveryScript(
      "a stale nonce is no answer, its names count",
      start + [
        (.snapshot(.words(cds: "a b", eds: "a=2 b", lds: "l")), ["eds #4 a"]), (.sent, []),
        (.ask(.eds, "a b", nonce: "2"), []), (.ask(.eds, "a b", nonce: "4"), ["ack eds #4", "eds #5 b"]),
      ]),
    DiscoveryScript(
      "the newest of several snapshots is sent when the writer is ready",
      start + [
        (.snapshot(.words(cds: "a b", eds: "a=2", lds: "l")), ["eds #4 a"]),
        (.snapshot(.words(cds: "a b", eds: "a=3", lds: "l")), []),
        (.snapshot(.words(cds: "a b", eds: "a=4", lds: "l=2")), []),
        (.sent, []), (.ask(.eds, "a", nonce: "4"), ["ack eds #4", "eds #5 a"]),
      ]),
    DiscoveryScript(
      "a proxy that comes back with what it is to hold gets nothing",
      [
        (.ask(.cds, version: cdsVersion), ["node n"]), (.ask(.eds, "a", version: edsVersion), []),
        (.ask(.lds, version: ldsVersion), []), (.snapshot(first), []),
        (.snapshot(.words(cds: "a b", eds: "a=2", lds: "l")), ["eds #1 a"]),
      ]),
    DiscoveryScript(
      "a proxy that comes back with something else gets that type only",
      [
        (.ask(.cds, version: cdsVersion), ["node n"]), (.ask(.eds, "a", version: "old"), []),
        (.ask(.lds, version: ldsVersion), []), (.snapshot(first), ["eds #1 a"]),
      ]),
    DiscoveryScript(
      "an unknown type gets an empty set",
      start + [(.ask(.rds), ["rds #4"]), (.sent, []), (.ask(.rds, nonce: "4"), ["ack rds #4"])]),
    DiscoveryScript("no node", [(.ask(.cds, node: ""), ["fail invalidArgument"]), (.ask(.cds), [])]),
    DiscoveryScript(
      "another node", start + [(.ask(.cds, node: "m"), ["fail invalidArgument"]), (.snapshot(first), [])]),
    DiscoveryScript("a later request without a node", start + [(.ask(.rds, node: ""), ["rds #4"])]),
    DiscoveryScript("another variant", [(.change(.cds), ["node n", "fail invalidArgument"])]),

    DiscoveryScript("incremental: first configuration", .incremental, startIncremental),
    DiscoveryScript(
      "incremental: only what changed", .incremental,
      startIncremental + [
        (.snapshot(.words(cds: "a b c", eds: "a", lds: "l")), ["cds #4 c"]), (.sent, []),
        (.change(.cds, nonce: "4"), ["ack cds #4"]),
        (.snapshot(.words(cds: "a c", eds: "a", lds: "l")), ["cds #5 -b"]),
      ]),
    DiscoveryScript(
      "incremental: a removed cluster goes after the listeners", .incremental,
      startIncremental + [
        (.snapshot(.words(cds: "a c", eds: "a", lds: "l=2 m")), ["cds #4 c"]), (.sent, []),
        (.change(.cds, nonce: "4"), ["ack cds #4", "lds #5 l m"]), (.sent, []),
        (.change(.lds, nonce: "5"), ["ack lds #5", "cds #6 -b"]),
      ]),
    DiscoveryScript(
      "incremental: endpoints of an updated cluster are sent again", .incremental,
      startIncremental + [
        (.snapshot(.words(cds: "a=2 b", eds: "a", lds: "l")), ["cds #4 a"]), (.sent, ["eds #5 a"]), (.sent, []),
        (.change(.eds, nonce: "5"), ["ack eds #5"]), (.change(.cds, nonce: "4"), ["ack cds #4"]),
      ]),
    DiscoveryScript(
      "incremental: subscribing again is answered, unsubscribing is not", .incremental,
      startIncremental + [
        (.change(.eds, "a"), ["eds #4 a"]), (.sent, []), (.change(.eds, "-a", nonce: "4"), ["ack eds #4"]),
        (.snapshot(.words(cds: "a b", eds: "a=2", lds: "l")), []), (.change(.eds, "a"), ["eds #5 a"]),
      ]),
    DiscoveryScript(
      "incremental: a name that does not exist is told, and sent when it comes to exist", .incremental,
      startIncremental + [
        (.change(.eds, "z"), ["eds #4 -z"]), (.sent, []), (.change(.eds, nonce: "4"), ["ack eds #4"]),
        (.snapshot(.words(cds: "a b", eds: "a z", lds: "l")), ["eds #5 z"]),
      ]),
    DiscoveryScript(
      "incremental: a proxy that comes back gets the differences", .incremental,
      [
        (.change(.cds, held: versions(first.clusters)), ["node n"]),
        (.change(.eds, "a", held: versions(first.endpoints)), []),
        (.change(.lds, held: ["l": "old", "gone": "1"]), []),
        (.snapshot(first), ["lds #1 l -gone"]), (.sent, []), (.change(.lds, nonce: "1"), ["ack lds #1"]),
      ]),
    DiscoveryScript(
      "incremental: a proxy that comes back keeps its clusters until its listeners are new", .incremental,
      [
        (.change(.cds, held: ["a": "old", "gone": "1"]), ["node n"]), (.change(.lds, held: ["l": "old"]), []),
        (.snapshot(first), ["cds #1 a b"]), (.sent, []),
        (.change(.cds, nonce: "1"), ["ack cds #1", "lds #2 l"]), (.sent, []),
        (.change(.lds, nonce: "2"), ["ack lds #2", "cds #3 -gone"]), (.sent, []),
        (.change(.cds, nonce: "3"), ["ack cds #3"]),
      ]),
    DiscoveryScript(
      "incremental: a refused version is not sent again", .incremental,
      startIncremental + [
        (.snapshot(.words(cds: "a b", eds: "a", lds: "l=2")), ["lds #4 l"]), (.sent, []),
        (.change(.lds, nonce: "4", error: "bad"), ["nack lds #4 bad"]),
        (.snapshot(.words(cds: "a b", eds: "a=2", lds: "l=2")), ["eds #5 a"]), (.sent, []),
        (.change(.eds, nonce: "5"), ["ack eds #5"]),
        (.snapshot(.words(cds: "a b", eds: "a=2", lds: "l=3")), ["lds #6 l"]),
      ]),
    DiscoveryScript(
      "incremental: an empty set is answered once", .incremental,
      [
        (.snapshot(.words()), []), (.change(.cds), ["node n", "cds #1"]), (.sent, []),
        (.change(.cds, nonce: "1"), ["ack cds #1"]), (.change(.lds, "*"), ["lds #2"]),
      ]),
  ]

  private static func versions(_ set: ResourceSet) -> [String: String] {
    Dictionary(uniqueKeysWithValues: set.resources.map { ($0.name, $0.version) })
  }
}
