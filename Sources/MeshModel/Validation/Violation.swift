/// A rule that a resource breaks, and where.
public struct Violation: Sendable, Hashable, CustomStringConvertible {
  /// The path of the field, such as `tracing.backends[0].name`.
  public var field: String
  /// What is wrong, in Kuma's words.
  public var message: String

  /// Makes a violation.
  public init(field: String, message: String) {
    self.field = field
    self.message = message
  }

  /// Path and message as one text.
  public var description: String { "\(field): \(message)" }

  /// Violations as one line that is not too long to be read.
  public static func list(_ violations: [Violation]) -> String {
    violations.prefix(20).map(\.description).joined(separator: "; ").printable(atMost: 2_000)
      + (violations.count > 20 ? "; and \(violations.count - 20) more" : "")
  }
}

extension Violation {
  /// A mesh cannot be deleted. Source: Kuma 2.7.
  public static let meshInUse = Violation(
    field: "mesh", message: "unable to delete mesh, there are still some dataplanes attached")
}

/// The path of a field, built step by step.
struct FieldPath: CustomStringConvertible {
  let description: String

  init(_ root: String) { description = root }

  /// The path of a field of an object.
  func field(_ name: String) -> FieldPath { FieldPath(description.isEmpty ? name : "\(description).\(name)") }

  /// The path of an item of a list.
  func index(_ index: Int) -> FieldPath { FieldPath("\(description)[\(index)]") }

  /// The path of an entry of a map.
  func key(_ key: String) -> FieldPath { FieldPath("\(description)[\(key.quoted)]") }
}

extension [Violation] {
  mutating func add(_ path: FieldPath, _ message: String) {
    append(Violation(field: path.description, message: message))
  }
}
