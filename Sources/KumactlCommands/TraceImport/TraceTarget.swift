import Backoff
import MeshClient
import MeshModel
import TraceFormats

/// A collector to which traces are sent, several in a request.
struct TraceTarget {
  /// What was sent.
  struct Counts: Sendable, Hashable {
    /// Traces that were sent.
    var traces = 0
    /// Spans that were stored.
    var stored = 0
    /// Spans that the collector refused.
    var refused = 0
    /// Why the last of them was refused.
    var reason = ""
  }

  /// The most of one request: less than what collectors take.
  private static let limit = (bytes: 4 << 20, spans: 5_000)
  /// How often a request is repeated that a busy collector refuses.
  private static let attempts = 10

  let client: ControlPlaneClient
  let form: TraceListing.Form
  /// Waits before a request is repeated.
  var wait: @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) }
  private(set) var counts = Counts()
  private var waiting: [(bytes: [UInt8], spans: Int)] = []
  private var size = (bytes: 0, spans: 0)

  init(_ client: ControlPlaneClient, form: TraceListing.Form, counts: Counts = Counts()) {
    self.client = client
    self.form = form
    self.counts = counts
  }

  /// Sends a trace, at the latest with ``flush()``.
  mutating func add(_ trace: ArraySlice<UInt8>, spans: Int) async throws {
    if size.bytes + trace.count > Self.limit.bytes || size.spans + spans > Self.limit.spans { try await flush() }
    waiting.append((Array(trace), spans))
    size.bytes += trace.count + 1
    size.spans += spans
  }

  /// Sends what was added.
  mutating func flush() async throws {
    let traces = waiting
    (waiting, size) = ([], (0, 0))
    try await send(traces[...])
  }

  private mutating func send(_ traces: ArraySlice<(bytes: [UInt8], spans: Int)>) async throws {
    guard !traces.isEmpty else { return }
    let spans = traces.reduce(0) { $0 + $1.spans }
    var schedule = BackoffSchedule(minimum: .milliseconds(500), maximum: .seconds(30))
    for attempt in 1... {
      let response = try await client.exchange(.post, "/api/import", json: body(traces), headers: [])
      let document = try? DocumentValue(json: response.body)
      switch response.status {
      case 202,
        400 where document?["stored"] != nil:
        let stored = try self.stored(document, of: spans)
        counts.traces += traces.count
        counts.stored += stored
        counts.refused += spans - stored
        if let reason = document?["rejected"]?.array?.last?["reason"]?.string { counts.reason = reason }
        return
      case 400, 413:
        // One trace that cannot be taken does not keep the others out.
        if traces.count > 1 {
          let middle = traces.startIndex + traces.count / 2
          try await send(traces[..<middle])
          return try await send(traces[middle...])
        }
        counts.traces += 1
        counts.refused += spans
        counts.reason = Self.said(response)
        return
      case 429, 503:
        guard attempt < Self.attempts else {
          throw CommandFailure("\(client.address) does not take traces now: \(Self.said(response))")
        }
        try await wait(schedule.failed(.random(in: 0...1)))
      case 401, 403:
        throw CommandFailure(
          "\(client.address) does not take traces from you: \(Self.said(response)); show a token with --to-token-file")
      case 404, 405:
        throw CommandFailure(
          "\(client.address) is not a collector of this project: POST /api/import was answered with status "
            + "\(response.status)")
      default:
        throw CommandFailure(
          "\(client.address) answered POST /api/import with status \(response.status): \(Self.said(response))")
      }
    }
  }

  /// How many spans an answer says are stored: all where it does not say.
  private func stored(_ document: DocumentValue?, of spans: Int) throws -> Int {
    guard let stored = document?["stored"] else { return spans }
    guard let number = stored.number.flatMap({ Int(exactly: $0) }), (0...spans).contains(number) else {
      throw CommandFailure(
        "\(client.address) answered POST /api/import with something that cannot be: that of \(spans) spans "
          + "\(stored.json().printable(atMost: 30)) are stored; is it a collector of this project?")
    }
    return number
  }

  private func body(_ traces: ArraySlice<(bytes: [UInt8], spans: Int)>) -> [UInt8] {
    let list = [0x5B] + Array(traces.map(\.bytes).joined(separator: [0x2C])) + [0x5D]
    return form == .zipkin ? list : Array(#"{"data":"#.utf8) + list + [0x7D]
  }

  /// What an answer says, in a line.
  private static func said(_ response: ControlPlaneClient.Response) -> String {
    let document = try? DocumentValue(json: response.body)
    let text =
      document?["rejected"]?.array?.first?["reason"]?.string ?? document?["detail"]?.string
      ?? document?["title"]?.string ?? String(decoding: response.body.prefix(300), as: UTF8.self)
    return text.isEmpty ? "status \(response.status)" : text.printable
  }
}
