import Foundation
import MeshModel
import ProgramLog
import ProgramSettings
import ProxyEvidence
import TestSupport
import Testing
import TraceModel

@testable import AccessHTTP
@testable import Documents
@testable import HTTPService
@testable import MeshAccess
@testable import MeshControl
@testable import MeshHTTP
@testable import MeshTransport
@testable import MeshXDS
@testable import TraceHTTP
@testable import kuma_cp

/// The table of limits in docs/servers.md.
@Suite("The table of limits") struct LimitTableTests {
  private struct Row {
    var resource: String
    var bound: String
    var setting: String
    var metrics: String
    var answer: String
  }

  private static func rows() throws -> [Row] {
    try DocumentTables(of: "servers.md").tables("| What can grow |").joined().map { cells in
      Row(
        resource: cells[0], bound: cells.count > 1 ? cells[1] : "", setting: cells.count > 2 ? cells[2] : "",
        metrics: cells.count > 3 ? cells[3] : "", answer: cells.count > 4 ? cells[4] : "")
    }
  }

  // MARK: Numbers

  /// The numbers of a cell, sizes in bytes.
  private static func numbers(_ cell: String) -> [Int] {
    cell.replacing(/\(#[^)]*\)/, with: "").matches(of: /([0-9][0-9,]*)( KiB| MiB| GiB)?/).compactMap { match in
      let factor =
        switch match.2 {
        case " KiB"?: 1 << 10;
        case " MiB"?: 1 << 20;
        case " GiB"?: 1 << 30;
        default: 1
        }
      return Int(match.1.replacing(",", with: "")).map { $0 * factor }
    }
  }

  private static func bounds() throws -> [String: [Int]] {
    let (configuration, _) = try ControlPlaneConfiguration.load(
      file: nil, environment: [:], flags: ["general.workDir": "/nowhere"])
    let limits = configuration.limits
    let dataplane = DataplaneServer.Limits()
    let reader = DiscoveryRequestReader.Limits()
    let yaml = YAMLBounds()
    let spans = try #require(configuration.collector).limits
    let page = DescriptorLimit(descriptors: 1_000_000)
    return [
      "connections of a server": [page.httpConnections],
      "connections of an address, or of a /64 of IPv6; this machine may have all": [limits.connectionShare],
      "requests of an address, and of whoever shows who they are, but for spans": [limits.requestsPerSecond],
      "clients whose requests are counted": [RequestRates.clientsAtMost],
      "head of a request": [RequestService.headLimit, RequestService.fieldLimit],
      "body of a request to the API": [APIConfiguration.defaultBodyLimit],
      "body of a bootstrap request": [dataplane.bodyBytes],
      "body of a report of what an Envoy has counted": [EvidenceLimits.reportBytes],
      "counters of a report, and of a proxy": [EvidenceLimits.reported, EvidenceLimits.statistics],
      "proxies whose counters are kept": [EvidenceTable.proxiesAtMost],
      "body with spans, received and decompressed": [spans.bodyBytes],
      "memory of all requests": [RequestBudgets().all.limit],
      "nesting of a document": [DocumentValue.depthLimit],
      "nesting of a YAML document of a proxy": [yaml.depth],
      "values of a YAML document": [yaml.size],
      "values that aliases of a YAML text stand for": [yaml.repeated, 16],
      "discovery request": [dataplane.requestBytes],
      "metadata of a node: its Dataplane, and each other value": [reader.dataplaneBytes, reader.textBytes],
      "types to which a stream subscribes": [DiscoveryStreamStateMachine.typeLimit],
      "names of one type on a stream": [reader.names],
      "names that no resource has, of all streams": [RequestBudgets().names.limit],
      "streams of all proxies": [dataplane.streams],
      "streams of a connection": [dataplane.streamsPerConnection],
      "header block of HTTP/2, compressed or not": [FrameLimits.headerBlockBytes],
      // In a table of their own, with a test of its own.
      "frames of HTTP/2 that do no work": [],
      "requests of a discovery stream": [DiscoveryService.requests.burst, Int(DiscoveryService.requests.perSecond)],
      "names in a response that no resource has": [TypeSubscription.removedBytes],
      "requests over HTTP/1.1 before the last answer is sent": [],
      "streams of one Dataplane": [ProxyLifecycle.streamsAtMost],
      "streams that are being opened": [dataplane.openingStreams],
      "resources in the store": [limits.resources],
      "size of all resources in the store": [limits.resourceSize],
      "host names of proxies that are looked up": [HostNames.Limits().names],
      "receivers of spans that are asked who they are": [ReportForms.Limits().receivers],
      "token": [TokenText.limit],
      "sign-ins of an address that failed": [SignInAttempts.burst, Int(SignInAttempts.recovery.components.seconds)],
      "items on a page of a list": [Page.maximumSize],
      "time of a TLS handshake": [Int(dataplane.classification.components.seconds)],
      "spans of a request": [spans.spansPerRequest],
      "tags of a span": [spans.tagsPerSpan],
      "spans that wait for the disk": [spans.waitingSpans],
      "questions for new traces that wait": [CollectorAPI.waitersAtMost],
      "lines in the log about refusals of one server": [RefusalLog.linesPerMinute],
      "lines in the log with one sentence, and of one level": [LogLines.linesPerSentence, LogLines.linesPerLevel],
    ]
  }

  @Test("has the numbers of the code") func numbers() throws {
    let rows = try Self.rows()
    let bounds = try Self.bounds()
    #expect(rows.count >= 30)
    for row in rows {
      let known = try #require(bounds[row.resource], "add the constant of \"\(row.resource)\" to this test")
      #expect(Self.numbers(row.bound) == known, "\(row.resource)")
    }
    #expect(Set(rows.map(\.resource)) == Set(bounds.keys))
  }

  // MARK: Settings and sentences

  @Test("names settings that there are") func settings() throws {
    let known = Set(ControlPlaneSettings.all.map(\.key)).union(["ulimit -n"])
    for row in try Self.rows() {
      for setting in DocumentTables.quoted(row.setting) { #expect(known.contains(setting), "\(row.resource)") }
    }
  }

  @Test("says where 0 means any number") func zero() throws {
    let unlimited = Set(ControlPlaneSettings.all.filter { $0.summary.contains("0 for any") }.map(\.key))
    #expect(!unlimited.isEmpty)
    for row in try Self.rows() {
      let isUnlimited = DocumentTables.quoted(row.setting).contains { unlimited.contains($0) }
      #expect(row.setting.contains("0 means any number") == isUnlimited, "\(row.resource)")
    }
  }

  @Test("quotes sentences that the code has") func sentences() throws {
    let sources = try SourceTexts()
    for row in try Self.rows() {
      #expect(!row.answer.isEmpty, "\(row.resource)")
      for sentence in DocumentTables.quoted(row.answer) {
        #expect(try sources.have(sentence), "\(row.resource): \(sentence)")
      }
    }
  }

  // MARK: Metrics

  @Test("names metrics that a running control plane shows") func metrics() async throws {
    try await RunningPipeline.with(settings: ["apiServer.authn.localhostIsAdmin": "true"]) { server in
      // Requests are counted once there is one.
      _ = try await server.request("GET", server.base(.api) + "/meshes", token: nil)
      // So are proxies.
      let proxy =
        #"{"type":"Dataplane","mesh":"default","name":"web","networking":{"address":"127.0.0.1","inbound":[{"port":18080,"#
        + #""tags":{"kuma.io/service":"web"}}]}}"#
      let written = try await server.request(
        "PUT", server.base(.api) + "/meshes/default/dataplanes/web", token: nil, body: proxy)
      #expect(written.status == 201, "\(written)")
      let page = try await server.request("GET", server.base(.diagnostics) + "/metrics", token: nil).body
      let collector = try await server.request("GET", server.base(.collector) + "/prometheus", token: nil).body
      let requests = try await server.request("GET", server.base(.collector) + "/prometheus/requests", token: nil).body
      try MetricTable().compare(with: [page, collector, requests])
      for row in try Self.rows() {
        let metrics = DocumentTables.quoted(row.metrics)
        #expect(!metrics.isEmpty, "\(row.resource)")
        for metric in metrics {
          let name = metric.prefix { $0 != "{" }
          #expect(page.contains("\n# TYPE \(name) ") || page.hasPrefix("# TYPE \(name) "), "\(row.resource)")
          guard let label = metric.matches(of: /\{(.*)\}/).first else { continue }
          let values = page.split(separator: "\n").filter { $0.hasPrefix("\(name){") }
          #expect(values.contains { $0.contains(label.1) }, "\(row.resource): \(metric)")
        }
      }
    }
  }
}
