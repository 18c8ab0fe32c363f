package import CoreMetrics
import Synchronization

/// A backend of swift-metrics that writes Prometheus' text.
///
/// A value gets onto the page in one of two ways:
///
/// - What happens often and is only counted to be shown has a handle of swift-metrics (`Counter`, `Gauge`, `Timer`), made once with
///   this registry as its factory. To count is then one atomic addition: no lock, no look-up of a name.
/// - What the program keeps anyway, because it acts upon it (open streams, the bytes of a budget, the connections of a server), is read
///   when somebody asks for the page: see ``read(_:_:_:_:)``. A second copy of it could only be wrong.
///
/// A registry is passed to those who count. There is no global one: `MetricsSystem` stays as it is, so that libraries add nothing
/// to the page, and several control planes may run in one process.
package final class PrometheusRegistry: MetricsFactory {
  private enum Source: Sendable {
    case handle(any PrometheusHandle, labels: [(String, String)])
    case reading(@Sendable () async -> [PrometheusText.Sample])
  }

  private struct Family: Sendable {
    let name: String
    let kind: PrometheusText.Kind
    var help: String
    var sources: [Source] = []
  }

  /// In the order in which they were declared, which is the order of the page.
  private let families = Mutex<[Family]>([])

  /// Makes an empty page.
  package init() {}

  /// Declares a metric whose values are read when somebody asks for the page.
  package func read(
    _ name: String, _ kind: PrometheusText.Kind, _ help: String,
    _ samples: @escaping @Sendable () async -> [PrometheusText.Sample]
  ) {
    families.withLock { families in
      families.append(Family(name: name, kind: kind, help: help, sources: [.reading(samples)]))
    }
  }

  /// Declares a metric of one value that is read when somebody asks for the page.
  package func read(
    _ name: String, _ kind: PrometheusText.Kind, _ help: String,
    value: @escaping @Sendable () async -> Int
  ) {
    read(name, kind, help) { [PrometheusText.Sample(await value())] }
  }

  /// Makes a counter with a sentence about it. Counters of one name have different labels.
  package func counter(_ name: String, _ help: String, _ labels: [(String, String)] = []) -> ReadableCounter {
    let handler = handle(name, .counter, labels, help) { IntegerCounter() }
    return ReadableCounter(
      Counter(label: name, dimensions: labels, handler: handler, factory: self), handler)
  }

  /// The page.
  package func text() async -> String {
    var page = PrometheusText()
    for family in families.withLock({ $0 }) {
      var samples: [PrometheusText.Sample] = []
      for source in family.sources {
        switch source {
        case .handle(let handle, let labels): samples += handle.samples(labels)
        case .reading(let read): samples += await read()
        }
      }
      if !samples.isEmpty { page.add(family.name, family.kind, family.help, samples) }
    }
    return page.text
  }

  /// Finds the handle of a name and labels, or makes it. A name that is taken by another kind of handle gets one that is not shown.
  private func handle<Handle: PrometheusHandle>(
    _ label: String, _ kind: PrometheusText.Kind, _ labels: [(String, String)], _ help: String = "",
    _ make: () -> Handle
  ) -> Handle {
    let name = Self.valid(label)
    let labels = labels.map { (Self.valid($0.0), $0.1) }
    return families.withLock { families in
      let made = make()
      guard let index = families.firstIndex(where: { $0.name == name }) else {
        families.append(Family(name: name, kind: kind, help: help, sources: [.handle(made, labels: labels)]))
        return made
      }
      guard families[index].kind == kind else { return made }
      for case .handle(let known, let others) in families[index].sources
      where others.elementsEqual(labels, by: ==) {
        return known as? Handle ?? made
      }
      families[index].sources.append(.handle(made, labels: labels))
      return made
    }
  }

  private func remove(_ handle: AnyObject) {
    families.withLock { families in
      for index in families.indices {
        families[index].sources.removeAll { if case .handle(let known, _) = $0 { known === handle } else { false } }
      }
    }
  }

  /// A name as Prometheus takes it, in which swift-metrics' dots and dashes are underscores.
  private static func valid(_ name: String) -> String {
    String(name.map { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == ":") ? $0 : "_" })
  }

  // MARK: swift-metrics

  package func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
    handle(label, .counter, dimensions) { IntegerCounter() }
  }

  package func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
    handle(label, .gauge, dimensions) { RecordedValue() }
  }

  package func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
    guard aggregate else { return handle(label, .gauge, dimensions) { RecordedValue() } }
    return handle(label, .summary, dimensions) { SummedValues(unit: 1) }
  }

  package func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
    handle(label, .summary, dimensions) { SummedValues(unit: 1e-9) }
  }

  package func destroyCounter(_ handler: any CounterHandler) { remove(handler) }
  package func destroyMeter(_ handler: any MeterHandler) { remove(handler) }
  package func destroyRecorder(_ handler: any RecorderHandler) { remove(handler) }
  package func destroyTimer(_ handler: any TimerHandler) { remove(handler) }
}
