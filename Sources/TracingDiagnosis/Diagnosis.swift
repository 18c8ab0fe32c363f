/// What is said of one proxy: the verdict, and what shows how much of its traffic left spans.
package struct Diagnosis: Sendable, Hashable {
  /// The one verdict.
  package var verdict: Verdict
  /// A receipt for each listener, in the order of the explanation's; listeners with the same statistics share one.
  package var receipts: [Receipt]

  /// Joins the two.
  package init(verdict: Verdict, receipts: [Receipt]) {
    self.verdict = verdict
    self.receipts = receipts
  }
}
