import Synchronization
import TraceFormats
package import TraceModel

/// Remembers which Envoys' reports have arrived, under which name of the collector, and when.
///
/// A control plane asks for this before it relies on the way between a proxy and the collector. The memory holds hashes, not names,
/// and two generations of them: when the newer one is full, the older one is evicted. So invented nodes cannot make it grow, and an
/// Envoy that reports is noted again with each report.
package final class ReportArrivals: Sendable {
  /// The last report of an Envoy.
  package struct Arrival: Sendable, Hashable {
    /// How long ago it arrived, in milliseconds.
    package var age: Int64
    /// The format of its spans, such as `zipkin-protobuf`.
    package var format: String

    /// Creates an arrival.
    package init(age: Int64, format: String) { (self.age, self.format) = (age, format) }
  }

  private struct Note {
    /// The time of the clock in milliseconds.
    var time: Int64
    var format: SpanFormat
  }

  /// The last notes by the hashes of a node and a name of the collector.
  private let notes: Mutex<TwoGenerations<Int, Note>>
  private let clock: WallClock

  /// Creates an empty memory.
  ///
  /// - Parameter clock: a clock that is never set.
  package init(clock: WallClock = .steady, capacity: Int = 32_768) {
    self.clock = clock
    notes = Mutex(TwoGenerations(capacity: capacity))
  }

  /// Notes a report that has been stored.
  ///
  /// - Parameters:
  ///   - node: the id of the Envoy's node.
  ///   - authority: the host and port to which the Envoy sent the report.
  func note(_ node: String, at authority: String, in format: SpanFormat) {
    let key = Self.key(node, Self.lowercased(authority))
    let note = Note(time: clock.milliseconds(), format: format)
    notes.withLock { $0.set(note, for: key) }
  }

  /// The last report of each node that has sent one to an authority, by node.
  package func arrivals(of nodes: some Sequence<String>, at authority: String) -> [String: Arrival] {
    let (authority, now) = (Self.lowercased(authority), clock.milliseconds())
    let keys = nodes.map { (node: $0, key: Self.key($0, authority)) }
    return notes.withLock { notes in
      var arrivals: [String: Arrival] = [:]
      for (node, key) in keys {
        guard let note = notes[key] else { continue }
        arrivals[node] = Arrival(age: max(0, now &- note.time), format: note.format.reportName)
      }
      return arrivals
    }
  }

  /// The number of pairs in memory.
  var count: Int { notes.withLock { $0.count } }

  /// Swift's hashes have a random seed in each process, so senders cannot choose nodes with equal hashes.
  private static func key(_ node: String, _ authority: String) -> Int {
    var hasher = Hasher()
    hasher.combine(node)
    hasher.combine(authority)
    return hasher.finalize()
  }

  private static func lowercased(_ authority: String) -> String {
    authority.utf8.contains { (0x41...0x5A).contains($0) } ? authority.lowercased() : authority
  }
}

extension SpanFormat {
  /// The name of the format in answers about reports.
  fileprivate var reportName: String {
    switch self {
    case .zipkinJSON: "zipkin-json"
    case .zipkinProtobuf: "zipkin-protobuf"
    case .zipkinV1JSON: "zipkin-v1-json"
    case .otlpProtobuf: "otlp-protobuf"
    case .otlpJSON: "otlp-json"
    case .file: "file"
    }
  }
}
