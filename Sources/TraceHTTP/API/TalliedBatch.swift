import HTTPTypes
import PrometheusMetrics
import TraceAnalysis
import TraceFormats
import TraceModel
import TraceStore

extension SenderRequest {
  /// Describes a request with spans.
  init(_ request: HTTPRequest, _ format: SpanFormat?, _ status: HTTPResponse.Status) {
    self.init(
      format: format?.name ?? "", authority: request.authority ?? "",
      userAgent: request.headerFields[.userAgent] ?? "", status: status.code)
  }
}

/// Counts spans by their senders on their way into a batch.
private struct TalliedBatch<Batch: SpanSink>: SpanSink {
  var batch: Batch
  var tally: SenderTally

  var count: Int { batch.count }

  mutating func take(_ span: SpanDraft, _ bytes: UnsafeRawBufferPointer, index: Int) {
    tally.add(span, bytes)
    batch.take(span, bytes, index: index)
  }

  mutating func take(_ count: Int, _ bytes: UnsafeRawBufferPointer, _ read: (inout SpanDraft) -> Int) {
    var tally = tally
    batch.take(count, bytes) { span in
      let index = read(&span)
      tally.add(span, bytes)
      return index
    }
    self.tally = tally
  }
}

extension SpanWriting {
  /// Stores spans in Zipkin's v2 JSON. The parser writes them directly into the store's batch.
  func add(
    json bytes: [UInt8], _ tally: SenderTally
  ) async throws(CollectorError) -> CollectorAPI.Outcome {
    var sink = TalliedBatch(batch: makeBatch(), tally: tally)
    let (rejections, _, remarks) = try SpanParser.parse(bytes, limits: limits, into: &sink)
    let count = sink.count
    let namesEvicted = try await add(sink.batch, bytes: bytes.count)
    metrics.spansRejected.increment(by: rejections.count)
    return CollectorAPI.Outcome(
      stored: count, rejections: rejections, namesEvicted: namesEvicted, tally: sink.tally,
      remarks: remarks.adding(.wrongUnit, sink.tally.wrongUnitSpans))
  }

  /// Stores the spans of a report. They are written from its bytes into the store's batch.
  func add(
    _ report: ReportedSpans, bytes: Int, _ tally: SenderTally
  ) async throws(CollectorError) -> CollectorAPI.Outcome {
    var sink = TalliedBatch(batch: makeBatch(), tally: tally)
    report.write(to: &sink)
    let namesEvicted = try await add(sink.batch, bytes: bytes)
    metrics.spansRejected.increment(by: report.rejections.count)
    return CollectorAPI.Outcome(
      stored: report.count, rejections: report.rejections, namesEvicted: namesEvicted, tally: sink.tally,
      remarks: report.remarks.adding(.wrongUnit, sink.tally.wrongUnitSpans))
  }
}
