/// An amount of a resource of a cluster, such as `500m` processors or `64Mi` of memory.
///
/// Source: `k8s.io/apimachinery/pkg/api/resource`, whose grammar this is, without signs.
package struct Quantity: Sendable, Hashable, ExpressibleByStringLiteral, CustomStringConvertible {
  /// The amount as it was written.
  package let text: String
  /// The amount in units, bytes for example.
  private let value: Double

  /// Reads an amount.
  ///
  /// `nil` for text that is not one.
  package init?(_ text: String) {
    let digits = text.prefix { ("0"..."9").contains($0) || $0 == "." }
    let suffix = String(text.dropFirst(digits.count))
    guard text.utf8.count <= 32, digits.contains(where: { $0 != "." }), digits.count(where: { $0 == "." }) <= 1,
      let number = Double(digits.last == "." ? digits + "0" : digits), let scale = Self.scale(of: suffix)
    else { return nil }
    self.text = text
    value = number * scale
  }

  /// Reads an amount that a program holds. Text that is not one counts as 0.
  package init(stringLiteral text: String) { self = Quantity(text) ?? Quantity(zeroAs: text) }

  private init(zeroAs text: String) {
    self.text = text
    value = 0
  }

  package var description: String { text }

  /// How many whole units there are.
  package var wholeUnits: Int { Int(value.rounded(.down).clamped(to: 0...1e15)) }

  private static func scale(of suffix: String) -> Double? {
    if let scale = scales[suffix] { return scale }
    guard let sign = suffix.first, sign == "e" || sign == "E", let exponent = Int(suffix.dropFirst()),
      (-18...18).contains(exponent)
    else { return nil }
    return (0..<abs(exponent)).reduce(1) { scale, _ in exponent < 0 ? scale / 10 : scale * 10 }
  }

  private static let scales: [String: Double] = [
    "n": 1e-9, "u": 1e-6, "m": 1e-3, "": 1, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18,
    "Ki": 1_024, "Mi": 1_048_576, "Gi": 1_073_741_824, "Ti": 1_099_511_627_776, "Pi": 1_125_899_906_842_624,
    "Ei": 1_152_921_504_606_846_976,
  ]
}

extension Double {
  fileprivate func clamped(to range: ClosedRange<Double>) -> Double {
    Swift.min(Swift.max(self, range.lowerBound), range.upperBound)
  }
}
