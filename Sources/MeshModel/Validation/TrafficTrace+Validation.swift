extension TrafficTrace {
  /// Every violation, in the order of the document. That the backend exists is no rule: Kuma accepts any name.
  func violations() -> [Violation] {
    var violations: [Violation] = []
    let path = FieldPath("selectors")
    if selectors.isEmpty { violations.add(path, "must have at least one element") }
    for (index, selector) in selectors.enumerated() {
      TagRules.check(selector: selector.match, at: path.index(index).field("match"), into: &violations)
    }
    return violations
  }
}
