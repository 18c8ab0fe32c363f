/// What becomes of a report.
package enum EvidenceVerdict: String, Sendable, Hashable, CaseIterable {
  /// It is kept.
  case kept
  /// What came before is not known here: after a restart of the control plane, or another one had it. The proxy has to send all.
  case wholeWanted = "whole_wanted"
  /// There is evidence of as many proxies as there may be.
  case full
}
