import MeshModel
import MeshPolicy
import OrderedCollections
import Testing

@testable import KumactlCommands

@Suite("Tables")
struct TableTests {
  private struct Row: TableRow {
    static let headers = ["NAME", "A LONG HEADING", "AGE"]
    let cells: [String]
  }

  @Test("have columns as wide as their widest cell, and nothing at the end of a line")
  func columns() {
    let table = Table(rows: [Row(cells: ["a-long-name", "", "1s"]), Row(cells: ["b", "x", ""])])
    #expect(
      table.text == """
        NAME          A LONG HEADING   AGE
        a-long-name                    1s
        b             x

        """)
  }

  @Test("have one line for each row, whatever others have named, and nothing that a terminal would obey")
  func hostile() {
    let table = Table(rows: [Row(cells: ["a\nb", "\u{1b}[31mred", "\u{202e}x"])])
    #expect(
      table.text == #"""
        NAME   A LONG HEADING   AGE
        a\nb   \u{1b}[31mred    \u{202e}x

        """#)
  }

  @Test("without rows are a heading")
  func empty() { #expect(Table<TrafficTraceRow>(rows: []).text == "MESH   NAME   AGE\n") }

  @Test("take from the connection that lasts how a proxy is, and not from one of its name that is gone")
  func goneProxy() {
    func subscription(_ start: Int64, to end: Int64?, _ version: String, refused: String?)
      -> DataplaneInsight.Subscription
    {
      var subscription = DataplaneInsight.Subscription(
        id: version, controlPlaneInstanceId: "cp", connectTime: Timestamp(seconds: start),
        disconnectTime: end.map { Timestamp(seconds: $0) })
      subscription.status.lastUpdateTime = Timestamp(seconds: start + 60)
      subscription.status.lastRejection = refused.map {
        DataplaneInsight.Rejection(discovery: .lds, time: Timestamp(seconds: start), message: $0)
      }
      subscription.version = DataplaneInsight.ProxyVersion(kumaDp: version, envoy: "1.40.0")
      return subscription
    }
    func row(_ subscriptions: [DataplaneInsight.Subscription]) -> [String: String] {
      let document: DocumentValue = [
        "mesh": "default", "name": "web-1",
        "dataplaneInsight": .object(DataplaneInsight(subscriptions: subscriptions).document),
      ]
      let row = DataplaneOverviewRow(document, now: Timestamp(seconds: 36_000))
      return Dictionary(uniqueKeysWithValues: zip(DataplaneOverviewRow.headers, row.cells))
    }
    let healthy = subscription(0, to: nil, "lasting", refused: nil)
    let gone = subscription(7200, to: 10_800, "gone", refused: "cannot bind")
    let lasting = row([healthy, gone])
    #expect(lasting["STATUS"] == "Online")
    #expect(lasting["NOTES"] == "")
    #expect(lasting["KUMA-DP VERSION"] == "lasting")
    #expect(lasting["LAST CONNECTED AGO"] == "10h")
    #expect(lasting["LAST UPDATED AGO"] == "9h")
    let refusing = row([subscription(0, to: nil, "lasting", refused: "no such file"), gone])
    #expect(refusing["NOTES"] == "LDS refused: no such file")
    #expect(row([gone])["NOTES"] == "LDS refused: cannot bind", "where all are gone, the last one counts")
  }

  @Test("the notes of a proxy say what is known of security fixes for its Envoy")
  func envoyAdvice() {
    func notes(_ advice: DocumentValue?) -> String {
      var document: DocumentValue.Object = ["mesh": "default", "name": "web-1"]
      document["envoyAdvice"] = advice
      let row = DataplaneOverviewRow(.object(document), now: Timestamp(seconds: 0))
      return Dictionary(uniqueKeysWithValues: zip(DataplaneOverviewRow.headers, row.cells))["NOTES"] ?? "none"
    }
    #expect(notes(["state": "fixesPublished", "note": "run 1.38.9"]) == "run 1.38.9")
    #expect(notes(["note": "a\u{1b}[1mb"]).unicodeScalars.allSatisfy { $0.value != 0x1b })
    for version in ["1.35.2", "1.41.0", "1.40.2", "1.99.0-dev", "abc"] {
      #expect(notes(EnvoyAdvice(version)?.document).firstRange(of: "not known") != nil, "\(version)")
    }
    for advice: DocumentValue? in [nil, .null, 5, ["state": "later"], ["note": 5]] { #expect(notes(advice) == "") }
  }

  @Test(
    "show ages in the largest whole unit",
    arguments: [
      (0, "0s"), (59, "59s"), (60, "1m"), (3599, "59m"), (3600, "1h"), (86_399, "23h"), (86_400, "1d"),
      (364 * 86_400, "364d"), (365 * 86_400, "1y"), (-1, "0s"), (-2, "never"),
    ] as [(Int64, String)])
  func age(seconds: Int64, expected: String) {
    let now = Timestamp(seconds: 1_800_000_000)
    #expect(Age.text(since: Timestamp(seconds: now.seconds - seconds), now: now) == expected)
  }

  @Test("say never of what has not happened")
  func never() {
    #expect(Age.text(since: nil, now: Timestamp(seconds: 10)) == "never")
    #expect(Age.text(since: Timestamp(seconds: -62_135_596_800), now: Timestamp(seconds: 10)) == "never")
  }

  @Test("put the tags of all inbounds together")
  func tags() throws {
    let document: DocumentValue = [
      "networking": [
        "inbound": [
          ["port": 1, "tags": ["kuma.io/service": "web", "v": "1"]],
          ["port": 2, "tags": ["kuma.io/service": "admin"]],
        ],
        "gateway": ["tags": ["kuma.io/service": "edge"]],
      ]
    ]
    #expect(DataplaneRow.tags(of: try Dataplane.read(document).content) == "kuma.io/service=admin,edge,web v=1")
  }
}
