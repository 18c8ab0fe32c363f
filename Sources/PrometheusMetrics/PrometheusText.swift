/// Writes metrics in Prometheus' text format.
package struct PrometheusText: Sendable {
  /// The kinds of metrics.
  package enum Kind: String, Sendable {
    case counter
    case gauge
    case summary
    case histogram
  }

  /// One value of a metric.
  package struct Sample: Sendable {
    /// What follows the metric's name: `_sum`, or nothing.
    package var suffix = ""
    /// Names and values of labels, in the order in which they are written.
    package var labels: [(String, String)]
    /// The value.
    package var value: Double

    /// Makes a value.
    package init(_ value: Double, _ labels: [(String, String)] = []) {
      self.labels = labels
      self.value = value
    }

    /// Makes a value of a whole number.
    package init(_ value: some BinaryInteger, _ labels: [(String, String)] = []) { self.init(Double(value), labels) }

    /// The values of a histogram.
    ///
    /// - Parameters:
    ///   - bounds: the upper bounds of its classes, in ascending order.
    ///   - counts: how many values are in each class; one more for values above the last bound.
    ///   - sum: the sum of all values.
    package static func histogram(bounds: [Double], counts: [Int], sum: Double) -> [Sample] {
      var samples: [Sample] = []
      var total = 0
      for (bound, count) in zip(bounds.map { "\($0)" } + ["+Inf"], counts) {
        total += count
        samples.append(Sample(total, [("le", bound)]))
        samples[samples.count - 1].suffix = "_bucket"
      }
      samples += [Sample(sum), Sample(total)]
      samples[samples.count - 2].suffix = "_sum"
      samples[samples.count - 1].suffix = "_count"
      return samples
    }
  }

  /// The text so far.
  package private(set) var text = ""

  /// Starts an empty text.
  package init() {}

  /// Adds one metric with all its values.
  package mutating func add(_ name: String, _ kind: Kind, _ help: String, _ samples: [Sample]) {
    if !help.isEmpty { text += "# HELP \(name) \(help)\n" }
    text += "# TYPE \(name) \(kind.rawValue)\n"
    for sample in samples {
      text += name + sample.suffix
      if !sample.labels.isEmpty {
        text += "{" + sample.labels.map { "\($0.0)=\"\(Self.escape($0.1))\"" }.joined(separator: ",") + "}"
      }
      let value = sample.value
      text += value == value.rounded() && abs(value) < 1e15 ? " \(Int64(value))\n" : " \(value)\n"
    }
  }

  private static func escape(_ label: String) -> String {
    label.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
  }
}
