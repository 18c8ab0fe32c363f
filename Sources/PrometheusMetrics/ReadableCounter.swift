import CoreMetrics

/// A counter of swift-metrics, which can only be written, for a program that also reads it.
package struct ReadableCounter: Sendable {
  private let counter: Counter
  private let handler: IntegerCounter

  init(_ counter: Counter, _ handler: IntegerCounter) {
    self.counter = counter
    self.handler = handler
  }

  /// Makes a counter that is on no page.
  package init() {
    let handler = IntegerCounter()
    self.init(Counter(label: "", dimensions: [], handler: handler, factory: NOOPMetricsHandler.instance), handler)
  }

  /// What has been counted.
  package var value: Int { Int(handler.value) }

  /// Counts.
  package func increment(by amount: Int = 1) { counter.increment(by: amount) }
}
