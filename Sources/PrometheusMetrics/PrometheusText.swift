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
    /// A measurement that is part of the value; only OpenMetrics shows it.
    package var exemplar: Exemplar?

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

  /// One measurement, with what leads to it. Its names and values have at most 128 characters (OpenMetrics 1.0).
  package struct Exemplar: Sendable {
    /// Names and values of labels, such as that of a trace.
    package var labels: [(String, String)]
    /// What was measured.
    package var value: Double
    /// When, in seconds since 1970.
    package var time: Double

    /// Makes an exemplar.
    package init(_ value: Double, at time: Double, _ labels: [(String, String)]) {
      self.labels = labels
      self.value = value
      self.time = time
    }
  }

  /// The formats of the text.
  package enum Format: Sendable {
    /// Prometheus' own, version 0.0.4.
    case prometheus
    /// OpenMetrics, version 1.0, which has exemplars and an end.
    case openMetrics
  }

  /// The format.
  package let format: Format
  /// The text so far. OpenMetrics needs ``end()`` behind the last metric.
  package private(set) var text = ""

  /// Starts an empty text.
  package init(_ format: Format = .prometheus) { self.format = format }

  /// Adds one metric with all its values.
  package mutating func add(_ name: String, _ kind: Kind, _ help: String, _ samples: [Sample]) {
    // In OpenMetrics the end of a counter's name is part of the sample, not of the metric.
    let metric =
      format == .openMetrics && kind == .counter && name.hasSuffix("_total")
      ? String(name.dropLast("_total".count)) : name
    if !help.isEmpty { text += "# HELP \(metric) \(help)\n" }
    text += "# TYPE \(metric) \(kind.rawValue)\n"
    for sample in samples {
      text += name + sample.suffix
      if !sample.labels.isEmpty { text += Self.list(sample.labels) }
      text += " " + Self.number(sample.value)
      if format == .openMetrics, let exemplar = sample.exemplar {
        text += " # \(Self.list(exemplar.labels)) \(Self.number(exemplar.value)) \(Self.number(exemplar.time))"
      }
      text += "\n"
    }
  }

  /// Ends the text: OpenMetrics has a line for it, so that half a page is not taken for a whole one.
  package mutating func end() { if format == .openMetrics { text += "# EOF\n" } }

  private static func list(_ labels: [(String, String)]) -> String {
    "{" + labels.map { "\($0.0)=\"\(escape($0.1))\"" }.joined(separator: ",") + "}"
  }

  private static func number(_ value: Double) -> String {
    value == value.rounded() && abs(value) < 1e15 ? "\(Int64(value))" : "\(value)"
  }

  private static func escape(_ label: String) -> String {
    label.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
  }
}
