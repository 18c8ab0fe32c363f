import Testing

/// A document in Universal form with the violations that it has, each as `path: text`, with paths from its root.
package struct ViolationRow: Sendable, CustomTestStringConvertible {
  /// What the row is about.
  package let testDescription: String
  /// The document.
  package let yaml: String
  /// The violations, in their order.
  package let violations: [String]

  init(_ name: String, _ yaml: String, _ violations: String...) {
    testDescription = name
    self.yaml = yaml
    self.violations = violations
  }
}
