import Documents
import ProxyEvidence
import Testing

/// The body of `POST /evidence`.
@Suite struct EvidenceReportTests {
  private static let report = {
    var report = EvidenceReport(
      mesh: "default", name: "web-01", epoch: "a1", sequence: 3, isWhole: true,
      time: Timestamp(seconds: 1_700_000_000, nanoseconds: 5_000_000))
    report.envoyVersion = "1.40.0"
    report.answerAge = .milliseconds(2_500)
    report.values = [Statistic("backend", .requests): 12, Statistic("zipkin", .spansSent): 1 << 53]
    return report
  }()

  @Test func isReadAsItWasWritten() throws {
    #expect(try EvidenceReport(json: Self.report.json()) == Self.report)
  }

  @Test func statisticsThatAreNotKnownAreCounted() throws {
    let text = """
      {"mesh":"default","name":"a","epoch":"e","sequence":1,"time":1,"later":[],
       "values":{"http.backend.downstream_rq_total":1,"http.backend.new":"text"}}
      """
    let report = try EvidenceReport(json: Array(text.utf8))
    #expect(report.values == [Statistic("backend", .requests): 1])
    #expect(report.unknown == 1)
    #expect(!report.isWhole)
  }

  @Test(arguments: [
    ("mesh", "\"mesh\":\"\""), ("mesh", "\"mesh\":1"), ("name", "\"name\":null"),
    ("epoch", "\"epoch\":\"\(String(repeating: "e", count: 300))\""), ("sequence", "\"sequence\":-1"),
    ("sequence", "\"sequence\":1.5"), ("sequence", "\"sequence\":9223372036854775807"), ("time", "\"time\":\"now\""),
    ("values", "\"values\":[]"), ("answerAge", "\"answerAge\":-1"), ("envoyVersion", "\"envoyVersion\":1"),
    ("values.tracing.zipkin.spans_sent", "\"values\":{\"tracing.zipkin.spans_sent\":-1}"),
  ])
  func whatIsWrongIsNamed(member: String, text: String) {
    // Of a member that is given twice the last value counts.
    let json = "{\"mesh\":\"m\",\"name\":\"n\",\"epoch\":\"e\",\"sequence\":1,\"time\":1,\(text)}"
    let error = #expect(throws: DocumentError.self) { try EvidenceReport(json: Array(json.utf8)) }
    #expect(error?.message.hasPrefix(member) == true)
  }

  @Test func aReportHasBounds() {
    let values = (0...EvidenceLimits.reported).map { "\"\($0)\":0" }.joined(separator: ",")
    let many = "{\"mesh\":\"m\",\"name\":\"n\",\"epoch\":\"e\",\"sequence\":1,\"time\":1,\"values\":{\(values)}}"
    #expect(throws: DocumentError.self) { try EvidenceReport(json: Array(many.utf8)) }
    let long = many + String(repeating: " ", count: EvidenceLimits.reportBytes)
    #expect(throws: DocumentError.self) { try EvidenceReport(json: Array(long.utf8)) }
  }
}
