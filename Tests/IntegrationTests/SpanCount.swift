import Foundation
import MeshTestSupport
import Testing

extension ControlPlaneProcess {
  /// How many spans the embedded collector has of each of some traces.
  func spanCounts(of traces: [String]) async -> [String: Int] {
    var counts: [String: Int] = [:]
    for start in stride(from: 0, to: traces.count, by: 200) {
      let ids = traces[start..<min(start + 200, traces.count)]
      // A question without an answer, on a busy machine, is asked again.
      let path = "/api/v2/traceMany?traceIds=\(ids.joined(separator: ","))"
      guard let answer = try? await HTTPProbe.get(port: ports.collector, path), answer.status == 200 else { continue }
      for id in Self.traceIDs(in: answer.body) { counts[id, default: 0] += 1 }
    }
    return counts
  }

  /// The trace id of each span in an answer. As text, because there are many.
  private static func traceIDs(in body: [UInt8]) -> [String] {
    let key = Data(#""traceId":""#.utf8)
    let text = Data(body)
    var ids: [String] = []
    var position = text.startIndex
    while let found = text.range(of: key, in: position..<text.endIndex) {
      position = found.upperBound
      ids.append(String(decoding: text[position...].prefix { $0 != UInt8(ascii: "\"") }, as: UTF8.self))
    }
    return ids
  }

  /// Expects that the embedded collector has some spans of each of some requests, no more and no less, and waits for them.
  func expectSpans(_ expected: ClosedRange<Int>, ofEach traces: [String], _ what: String) async throws {
    var missing = traces
    var counts: [String: Int] = [:]
    try? await eventually("the spans") {
      counts.merge(await spanCounts(of: missing)) { $1 }
      missing.removeAll { (counts[$0] ?? 0) >= expected.lowerBound }
      return missing.isEmpty
    }
    let lost = missing.reduce(0) { $0 + expected.lowerBound - (counts[$1] ?? 0) }
    let more = traces.filter { (counts[$0] ?? 0) > expected.upperBound }
    // Counts: an expectation prints its operands, and there may be thousands.
    #expect(
      missing.count == 0,
      "\(what): \(lost) spans of \(missing.count) of \(traces.count) requests are lost: \(missing.sorted().prefix(5))")
    #expect(
      more.count == 0,
      "\(what): \(more.count) of \(traces.count) requests have too many spans: \(more.sorted().prefix(5))")
  }
}
