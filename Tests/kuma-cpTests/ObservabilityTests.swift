import Foundation
import MeshModel
import ProcessSupervisor
import Synchronization
import TestSupport
import Testing

/// What is in deploy/observability: rules for Prometheus, their tests, and dashboards for Grafana.
@Suite("Dashboards and alerts") struct ObservabilityTests {
  private static let program: String? = ["/usr/bin/promtool", "/usr/local/bin/promtool", "/opt/prometheus/promtool"]
    .first {
      FileManager.default.isExecutableFile(atPath: $0)
    }

  private static let hint: Comment = "needs promtool, which Debian's package prometheus has and Scripts/setup installs"

  private static let boards = ["requests", "tracing"]

  /// Runs promtool in the folder of the files; its output in lines of no particular order.
  private static func promtool(
    _ arguments: [String], in folder: URL = RepositoryFiles.folder("deploy/observability")
  ) async throws -> (hasPassed: Bool, output: String) {
    let lines = Mutex<[String]>([])
    let add: @Sendable (String) -> Void = { line in lines.withLock { $0.append(line) } }
    let process = try ChildProcess.start(
      ChildProcess.Command(
        try #require(program), arguments, directory: folder.path(percentEncoded: false), output: .lines(add),
        errors: .lines(add)))
    let status = await process.exitStatus()
    return (status.isSuccess, lines.withLock { $0.joined(separator: "\n") })
  }

  private static func text(_ name: String) throws -> String {
    try String(contentsOf: RepositoryFiles.folder("deploy/observability").appending(path: name), encoding: .utf8)
  }

  private static func dashboard(_ name: String) throws -> DocumentValue {
    try DocumentValue(json: Array(text("dashboards/\(name).json").utf8))
  }

  /// The panels' queries with Grafana's variables replaced by what they may stand for.
  private static func queries(_ dashboard: DocumentValue) -> [String] {
    (dashboard["panels"]?.array ?? []).flatMap { $0["targets"]?.array ?? [] }.compactMap { $0["expr"]?.string }.map {
      $0.replacing("$__rate_interval", with: "5m").replacing("$__range", with: "1h")
        .replacing(/\$[a-z]+/, with: ".*")
    }
  }

  @Test("the rules are right, and their tests pass", .enabled(if: program != nil, hint)) func rules() async throws {
    for arguments in [
      ["check", "rules", "alerts.yaml"], ["test", "rules", "alerts-test.yaml"], ["check", "config", "prometheus.yaml"],
    ] {
      let (hasPassed, output) = try await Self.promtool(arguments)
      #expect(hasPassed, "promtool \(arguments.joined(separator: " ")): \(output)")
    }
  }

  @Test("each alert has a test in which it fires, and one in which it does not") func tested() throws {
    let alerts = try Self.text("alerts.yaml").matches(of: /- alert: (\w+)/).map { String($0.1) }
    #expect(alerts.count >= 10 && Set(alerts).count == alerts.count)
    let tests = try Self.text("alerts-test.yaml")
    for alert in alerts {
      #expect(tests.contains("alertname: \(alert), exp_alerts: []"), "\(alert) never stays silent")
      #expect(tests.contains("alertname: \(alert)\n    exp_alerts:\n"), "\(alert) never fires")
    }
  }

  @Test("each query is PromQL", .enabled(if: program != nil, hint)) func promQL() async throws {
    let folder = try TemporaryFolder()
    var rules = "groups:\n- name: queries\n  rules:\n"
    var count = 0
    for name in Self.boards {
      for query in Self.queries(try Self.dashboard(name)) {
        count += 1
        rules += "  - record: \(name):query\(count)\n    expr: \(DocumentValue.string(query).json(.compact))\n"
      }
    }
    #expect(count > 20)
    try Data(rules.utf8).write(to: folder.url.appending(path: "queries.yaml"))
    let (hasPassed, output) = try await Self.promtool(["check", "rules", "queries.yaml"], in: folder.url)
    #expect(hasPassed, "\(output)")
  }

  @Test("all that queries and alerts name exists: metrics, their labels, and values of labels") func names() throws {
    let table = try MetricTable()
    let rules = try Self.text("alerts.yaml").split(separator: "\n").filter { !$0.hasPrefix("#") }.joined(
      separator: "\n")
    var texts = try Self.boards.flatMap { name in
      let dashboard = try Self.dashboard(name)
      let variables = (dashboard["templating"]?["list"]?.array ?? []).compactMap { $0["query"]?["query"]?.string }
      return Self.queries(dashboard) + variables
    }
    texts.append(rules)
    let causes =
      try RepositoryFiles.sources().first { $0.contains("extension Cause {") && $0.contains("struct Row") } ?? ""
    var used: Set<String> = []
    for text in texts {
      // Names of recorded series have a colon before or behind.
      for match in text.matches(of: /(?:^|[^:\w])((?:kuma|zipkin|process)_[a-z0-9_]+)(?:\{([^}]*)\})?/) {
        let name = String(match.1)
        guard !text[..<match.range.upperBound].hasSuffix(":") else { continue }
        let base = name.replacing(/_(bucket|count|sum)$/, with: "")
        let row = table.rows.first { $0.name == name } ?? table.rows.first { $0.name == base && $0.kind == "histogram" }
        #expect(row != nil, "docs/metrics.md has no \(name)")
        guard let row else { continue }
        used.insert(row.name)
        for label in (match.2 ?? "").matches(of: /(\w+)(?:=~|!~|!=|=)"([^"]*)"/) {
          #expect(row.labels.contains(String(label.1)), "\(name) has no label \(label.1)")
          if label.1 == "cause" {
            for cause in label.2.split(separator: "|") where cause != ".*" {
              #expect(causes.contains("\"\(cause)\""), "there is no cause \(cause)")
            }
          }
          guard label.1 != "mesh", label.1 != "service", label.1 != "client", label.1 != "cause" else { continue }
          #expect(row.cells[2].contains("`\(label.2)`"), "\(name): \(label.1) is never \(label.2)")
        }
      }
    }
    #expect(used.count >= 9)
    #expect(used.isSuperset(of: ["kuma_trace_proxies", "kuma_trace_proxies_silent", "kuma_trace_reports_lost_total"]))
  }

  /// A whole number of a dashboard; -1 where it is missing.
  private static func number(_ value: DocumentValue?) -> Int { value?.number.flatMap { Int(exactly: $0) } ?? -1 }

  @Test("dashboards are what Grafana reads: ids, places, variables and sources of data", arguments: boards)
  func shape(name: String) throws {
    let dashboard = try Self.dashboard(name)
    #expect(dashboard["uid"]?.string == "kuma-trace-\(name)")
    #expect(dashboard["schemaVersion"]?.number == 39)
    #expect(dashboard["id"] == .null, "Grafana gives it a number")
    let variables = Set((dashboard["templating"]?["list"]?.array ?? []).compactMap { $0["name"]?.string })
    let panels = dashboard["panels"]?.array ?? []
    #expect(panels.count >= 10)
    var (ids, places): (Set<Int>, Set<[Int]>) = ([], [])
    for panel in panels {
      let title = panel["title"]?.string ?? ""
      #expect(!title.isEmpty && panel["description"]?.string?.isEmpty == false)
      let isNew = ids.insert(Self.number(panel["id"])).inserted
      #expect(isNew, "\(title)")
      #expect(["timeseries", "stat", "table"].contains(panel["type"]?.string ?? ""), "\(title)")
      let position = panel["gridPos"]
      let (x, y) = (Self.number(position?["x"]), Self.number(position?["y"]))
      let (w, h) = (Self.number(position?["w"]), Self.number(position?["h"]))
      #expect(x >= 0 && y >= 0 && w > 0 && h > 0 && x + w <= 24, "\(title)")
      for column in x..<(x + max(0, w)) {
        for row in y..<(y + max(0, h)) { #expect(places.insert([column, row]).inserted, "\(title) covers another") }
      }
      let targets = panel["targets"]?.array ?? []
      #expect(!targets.isEmpty && Set(targets.compactMap { $0["refId"]?.string }).count == targets.count, "\(title)")
      for source in [panel["datasource"]] + targets.map({ $0["datasource"] }) {
        #expect(source?["uid"]?.string == "${datasource}" && source?["type"]?.string == "prometheus", "\(title)")
      }
      for target in targets {
        for variable in (target["expr"]?.string ?? "").matches(of: /\$(\w+)/) where !variable.1.hasPrefix("__") {
          #expect(variables.contains(String(variable.1)), "\(title): \(variable.1)")
        }
      }
    }
    let others = Set(Self.boards.map { "/d/kuma-trace-\($0)" })
    for link in dashboard["links"]?.array ?? [] { #expect(others.contains(link["url"]?.string ?? "")) }
  }
}
