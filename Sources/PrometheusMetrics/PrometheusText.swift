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
  /// The text so far, in UTF-8. OpenMetrics needs ``end()`` behind the last metric.
  package private(set) var bytes: [UInt8] = []

  /// The text so far.
  package var text: String { String(decoding: bytes, as: UTF8.self) }

  /// Starts an empty text.
  package init(_ format: Format = .prometheus) { self.format = format }

  /// Adds one metric with all its values.
  package mutating func add(_ name: String, _ kind: Kind, _ help: String, _ samples: [Sample]) {
    // In OpenMetrics the end of a counter's name is part of the sample, not of the metric.
    let metric =
      format == .openMetrics && kind == .counter && name.hasSuffix("_total")
      ? String(name.dropLast("_total".count)) : name
    if !help.isEmpty { append("# HELP \(metric) \(help)\n") }
    append("# TYPE \(metric) \(kind.rawValue)\n")
    for sample in samples {
      append(name)
      append(sample.suffix)
      if !sample.labels.isEmpty { append("{\(Self.list(sample.labels))}") }
      append(" ")
      append(Self.number(sample.value))
      if let exemplar = sample.exemplar { append(exemplar) }
      append("\n")
    }
  }

  /// Adds a histogram to the metric that was added last. Its labels are written once and copied to each of its lines, since pages
  /// have thousands of these.
  ///
  /// - Parameters:
  ///   - name: the name of the metric.
  ///   - bounds: the upper bounds of its classes as they are written, in ascending order.
  ///   - counts: how many values are in each class; one more for values above the last bound.
  ///   - sum: the sum of all values.
  ///   - exemplar: a measurement of the class with an index. It is only asked for in OpenMetrics.
  package mutating func addHistogram(
    _ name: String, _ labels: [(String, String)], bounds: [String], counts: [Int], sum: Double,
    exemplar: (Int) -> Exemplar? = { _ in nil }
  ) {
    let list = Self.list(labels)
    let bucket = Array("\(name)_bucket{\(list)\(labels.isEmpty ? "" : ",")le=\"".utf8)
    var total = 0
    for (index, count) in counts.enumerated() {
      total &+= count
      bytes += bucket
      append(index < bounds.count ? bounds[index] : "+Inf")
      append("\"} ")
      append(String(total))
      if format == .openMetrics, let exemplar = exemplar(index) { append(exemplar) }
      append("\n")
    }
    let labels = labels.isEmpty ? "" : "{\(list)}"
    append("\(name)_sum\(labels) \(Self.number(sum))\n\(name)_count\(labels) \(total)\n")
  }

  /// Ends the text: OpenMetrics has a line for it, so that half a page is not taken for a whole one.
  package mutating func end() { if format == .openMetrics { append("# EOF\n") } }

  private mutating func append(_ text: String) { bytes.append(contentsOf: text.utf8) }

  private mutating func append(_ exemplar: Exemplar) {
    guard format == .openMetrics else { return }
    append(" # {\(Self.list(exemplar.labels))} \(Self.number(exemplar.value)) \(Self.number(exemplar.time))")
  }

  /// Labels without the braces around them.
  private static func list(_ labels: [(String, String)]) -> String {
    var bytes: [UInt8] = []
    for (name, value) in labels {
      if !bytes.isEmpty { bytes.append(UInt8(ascii: ",")) }
      bytes += name.utf8
      bytes += "=\"".utf8
      for byte in value.utf8 {
        switch byte {
        case UInt8(ascii: "\\"), UInt8(ascii: "\""): bytes += [UInt8(ascii: "\\"), byte]
        case UInt8(ascii: "\n"): bytes += [UInt8(ascii: "\\"), UInt8(ascii: "n")]
        default: bytes.append(byte)
        }
      }
      bytes.append(UInt8(ascii: "\""))
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  private static func number(_ value: Double) -> String {
    value == value.rounded() && abs(value) < 1e15 ? "\(Int64(value))" : "\(value)"
  }
}
