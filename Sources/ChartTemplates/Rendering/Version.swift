import Documents

/// A version of a program: `1.20.2`, `v1.21.0-rc.1`. Parts that are left out are zero.
struct Version {
  private var numbers: [Int]
  private(set) var preRelease: String?

  init(_ text: String) throws(FunctionError) {
    let error = FunctionError(message: "\(text.quoted) is not a version such as 1.30.0")
    let plain = (text.hasPrefix("v") ? text.dropFirst() : text[...]).prefix { $0 != "+" }
    let parts = plain.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
    let numbers = (parts.first ?? "").split(separator: ".", omittingEmptySubsequences: false).map { Int($0) }
    guard (1...3).contains(numbers.count), numbers.allSatisfy({ $0.map { $0 >= 0 } ?? false }) else { throw error }
    self.numbers = numbers.compactMap(\.self) + Array(repeating: 0, count: 3 - numbers.count)
    preRelease = parts.count > 1 ? String(parts[1]) : nil
  }

  /// -1, 0 or 1 when this one is older, equal or newer. A pre-release is older than its release.
  func compared(with other: Version) -> Int {
    if numbers != other.numbers { return numbers.lexicographicallyPrecedes(other.numbers) ? -1 : 1 }
    switch (preRelease, other.preRelease) {
    case (nil, nil): return 0
    case (nil, _): return 1
    case (_, nil): return -1
    case (let a?, let b?): return Self.compare(a, b)
    }
  }

  /// Compares part by part; numbers come before texts. Source: semver.org, section 11.
  private static func compare(_ a: String, _ b: String) -> Int {
    let (a, b) = (a.split(separator: "."), b.split(separator: "."))
    for (one, other) in zip(a, b) where one != other {
      switch (Int(one), Int(other)) {
      case (let one?, let other?): return one < other ? -1 : 1
      case (_?, nil): return -1
      case (nil, _?): return 1
      case (nil, nil): return one < other ? -1 : 1
      }
    }
    return a.count == b.count ? 0 : a.count < b.count ? -1 : 1
  }
}

/// A condition on a version: an operator and a version, such as `>=1.21.0-0`.
struct VersionConstraint {
  private let sign: String
  private let version: Version

  init(_ text: String) throws(FunctionError) {
    let sign = String(text.prefix { "<>=!".contains($0) })
    guard ["=", "!=", ">", ">=", "<", "<=", ""].contains(sign) else {
      throw FunctionError(message: "\(text.quoted) is not a condition on a version such as >=1.21.0-0")
    }
    self.sign = sign
    version = try Version(String(text.dropFirst(sign.count)))
  }

  /// Whether a version meets the condition. A pre-release meets only conditions that name one.
  func allows(_ other: Version) -> Bool {
    if other.preRelease != nil, version.preRelease == nil { return false }
    let order = other.compared(with: version)
    return switch sign {
    case ">": order > 0
    case ">=": order >= 0
    case "<": order < 0
    case "<=": order <= 0
    case "!=": order != 0
    default: order == 0
    }
  }
}
