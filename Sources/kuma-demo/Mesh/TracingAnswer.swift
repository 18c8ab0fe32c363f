/// How a proxy reports its spans, as the control plane says.
struct TracingAnswer: Decodable, Sendable {
  var reports: Reports?

  /// The form of the reports, and why it was chosen.
  struct Reports: Decodable, Sendable, Hashable {
    var format: String
    var spans: Int
    var intervalMs: Int
    var reason: String

    /// The form in words.
    var words: String { "\(format), \(spans) spans or \(intervalMs) ms a report" }
  }
}
