import Foundation

/// A line of the results: a value, what it is compared with, and how many times better it is.
struct ResultRow {
  /// The benchmark's name.
  var benchmark: String
  /// What is measured.
  var measured: String
  /// The median with its unit.
  var value: String
  /// The baseline's median with its unit.
  var baseline: String
  /// What the baseline is.
  var against: String
  /// The median of the rounds' ratios; above 1 where the value is the better one.
  var ratio: String
  /// The quartiles of the rounds' ratios.
  var spread: String

  /// Makes a line of a comparison.
  init(
    _ benchmark: String, _ measured: String, in unit: Unit, against: String, _ comparison: Comparison,
    better: Better = .less
  ) {
    self.benchmark = benchmark
    self.measured = measured
    self.against = against
    value = unit.text(comparison.values.median)
    baseline = unit.text(comparison.baselines.median)
    guard !comparison.baselines.isEmpty else {
      (baseline, ratio, spread) = ("", "", "")
      return
    }
    let ratios = comparison.ratios(better)
    ratio = Unit.short(ratios.median)
    spread = ratios.count > 1 ? "\(Unit.short(ratios.quantile(0.25)))-\(Unit.short(ratios.quantile(0.75)))" : ""
  }
}

/// How a figure is written.
enum Unit {
  /// Seconds, written in the unit that suits.
  case seconds
  /// So many per second.
  case perSecond
  /// Bytes, written in the unit that suits.
  case bytes
  /// A share of one processor.
  case cores
  /// How many.
  case count

  func text(_ figure: Double) -> String {
    switch self {
    case .seconds:
      if figure >= 1 { return "\(Self.short(figure)) s" }
      return figure >= 1e-3 ? "\(Self.short(figure * 1e3)) ms" : "\(Self.short(figure * 1e6)) us"
    case .perSecond: return "\(Self.short(figure)) /s"
    case .cores: return "\(Self.short(figure * 100)) %"
    case .count: return Self.short(figure)
    case .bytes:
      if figure >= 1e6 { return "\(Self.short(figure / 1e6)) MB" }
      return figure >= 1e4 ? "\(Self.short(figure / 1e3)) kB" : "\(Self.short(figure)) B"
    }
  }

  /// Three digits that count.
  static func short(_ figure: Double) -> String {
    guard figure.isFinite else { return "inf" }
    let digits = figure >= 99.95 ? 0 : figure >= 9.995 ? 1 : 2
    return String(format: "%.\(digits)f", figure)
  }
}

extension [ResultRow] {
  /// The lines below each other, columns aligned.
  var table: String {
    let header = ["BENCHMARK", "MEASURED", "VALUE", "BASELINE", "RATIO", "QUARTILES", "AGAINST"]
    let lines =
      [header] + map { [$0.benchmark, $0.measured, $0.value, $0.baseline, $0.ratio, $0.spread, $0.against] }
    let widths = header.indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
    let numeric = 2...5
    return lines.map { line in
      let cells = line.enumerated().map { column, cell in
        let padding = String(repeating: " ", count: widths[column] - cell.count)
        if numeric.contains(column) { return padding + cell }
        return column == line.count - 1 ? cell : cell + padding
      }
      return cells.joined(separator: "  ")
    }.joined(separator: "\n")
  }
}
