import CoreMetrics
import Synchronization

/// What is behind a handle of swift-metrics.
protocol PrometheusHandle: AnyObject, Sendable {
  /// The values now.
  func samples(_ labels: [(String, String)]) -> [PrometheusText.Sample]
}

/// A counter of whole numbers.
final class IntegerCounter: CounterHandler, PrometheusHandle {
  private let count = Atomic<Int64>(0)

  var value: Int64 { count.load(ordering: .relaxed) }
  func increment(by amount: Int64) { count.wrappingAdd(amount, ordering: .relaxed) }
  func reset() { count.store(0, ordering: .relaxed) }
  func samples(_ labels: [(String, String)]) -> [PrometheusText.Sample] { [PrometheusText.Sample(value, labels)] }
}

/// The last number that was recorded, or a number that goes up and down.
final class RecordedValue: RecorderHandler, MeterHandler, PrometheusHandle {
  private let value = Mutex(0.0)

  func record(_ number: Int64) { record(Double(number)) }
  func record(_ number: Double) { value.withLock { $0 = number } }
  func set(_ number: Int64) { record(number) }
  func set(_ number: Double) { record(number) }
  func increment(by amount: Double) { value.withLock { $0 += amount } }
  func decrement(by amount: Double) { increment(by: -amount) }
  func samples(_ labels: [(String, String)]) -> [PrometheusText.Sample] {
    [PrometheusText.Sample(value.withLock { $0 }, labels)]
  }
}

/// How many values there were, and their sum.
final class SummedValues: RecorderHandler, TimerHandler, PrometheusHandle {
  private let state = Mutex((count: 0, sum: 0.0))
  private let unit: Double

  /// - Parameter unit: what a value of 1 is in the unit that is shown.
  init(unit: Double) { self.unit = unit }

  func record(_ value: Int64) { record(Double(value)) }
  func record(_ value: Double) {
    state.withLock { state in
      state.count &+= 1
      state.sum += value * unit
    }
  }
  func recordNanoseconds(_ duration: Int64) { record(Double(duration)) }

  func samples(_ labels: [(String, String)]) -> [PrometheusText.Sample] {
    let (count, sum) = state.withLock { $0 }
    var samples = [PrometheusText.Sample(sum, labels), PrometheusText.Sample(count, labels)]
    samples[0].suffix = "_sum"
    samples[1].suffix = "_count"
    return samples
  }
}
