import MeshModel
import MeshPolicy

/// The share of requests that is traced.
struct SamplingShare: Sendable, Hashable {
  /// From 0 to 1.
  var share: Double
  /// In percent: `12.5 %`.
  var text: String

  init(_ input: DiagnosisInput) {
    let steps = SamplingSteps(percent: input.explanation.resolution?.backend?.sampling)
    share = Double(steps.count) / 10_000
    text = "\(steps.percent) %"
  }
}
