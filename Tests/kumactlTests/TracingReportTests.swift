import MeshModel
import MeshPolicy
import OrderedCollections
import Testing

@testable import KumactlCommands

/// The form of a proxy's reports in the text of `inspect dataplane --type=tracing`.
@Suite("The report about a proxy's tracing")
struct TracingReportTests {
  private static func text(_ reports: DocumentValue?) -> String {
    var explanation: DocumentValue.Object = ["summary": "Traced by TrafficTrace \"all\"."]
    explanation["reports"] = reports
    return TracingReport(.object(explanation), now: Timestamp(seconds: 0)).text
  }

  @Test("names format, size and interval of the reports, and the reason")
  func reports() {
    let protobuf = ReportForm(
      format: .protobuf, spans: 50, interval: .seconds(1), reason: "http://c:9411 is this control plane's collector")
    #expect(
      Self.text(protobuf.document) == """
        Traced by TrafficTrace "all".

        Reports:

        FORMAT     SPANS   SENT AFTER   REASON
        protobuf   50      1s           http://c:9411 is this control plane's collector

        """)
    let json = ReportForm(format: .json, spans: 5, interval: .milliseconds(1500), reason: "a\nb")
    #expect(Self.text(json.document).hasSuffix("json     5       1500ms       a\\nb\n"), "\(Self.text(json.document))")
  }

  @Test("leaves them out of the answer of a control plane that does not know them")
  func none() {
    #expect(Self.text(nil) == "Traced by TrafficTrace \"all\".\n")
    #expect(Self.text(.null) == "Traced by TrafficTrace \"all\".\n")
  }

  @Test("says what is known of security fixes for the Envoy")
  func envoy() throws {
    let advice = try #require(EnvoyAdvice("1.38.4"))
    let explanation: DocumentValue = ["summary": "Not traced.", "envoyAdvice": advice.document]
    #expect(
      TracingReport(explanation, now: Timestamp(seconds: 0)).text == "Not traced.\n\nEnvoy: \(advice.sentence)\n")
  }

  @Test("takes any number of a control plane", arguments: [DocumentValue.number(1e300), -1, .number(0.5), "x", .null])
  func numbers(_ value: DocumentValue) {
    #expect(Self.text(["format": "json", "spans": value, "intervalMs": value]).contains("Reports:"))
  }
}
