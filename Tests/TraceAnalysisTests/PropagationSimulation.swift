import TestSupport

@testable import TraceAnalysis
@testable import TraceModel

/// A service behind a proxy, the requests that it gets, and all that it does: the spans that a collector gets of it.
struct PropagationSimulation: Sendable {
  /// When requests come.
  enum Arrival: Sendable {
    /// By themselves, so many a second.
    case open(perSecond: Double)
    /// From clients that wait for each answer and then for some milliseconds.
    case closed(clients: Int, pause: ClosedRange<Double>)
    /// Every so many milliseconds.
    case periodic(milliseconds: Double)
    /// In sessions of some requests, each after the answer to the one before, with long pauses between.
    case sessions(requests: Int, pause: ClosedRange<Double>, between: Double)
    /// For some seconds as many as said, then a tenth of that.
    case waves(perSecond: Double, seconds: Double)
  }

  /// What the service does for nobody in particular.
  enum Background: Sendable {
    case random(perSecond: Double, callee: String)
    case periodic(milliseconds: Double, jitter: Double, callee: String)
    case bursts(everySeconds: Double, calls: Int, apart: Double, callee: String)
    /// After so many milliseconds from the answer to each request.
    case afterAnswer(milliseconds: ClosedRange<Double>, callee: String)
    /// In the same waves as the requests.
    case waves(perSecond: Double, seconds: Double, callee: String)
    case atStart(calls: Int, callee: String)
  }

  var arrival = Arrival.open(perSecond: 20)
  var requests = 10_000
  /// Milliseconds.
  var length = 20.0...60.0
  /// A part of the requests takes longer.
  var longShare = 0.0
  var longLength = 10_000.0...30_000.0
  /// The services called for each request, with the part of the calls that lack the headers.
  var calls: [(callee: String, broken: Double)] = []
  var callLength = 3.0...9.0
  /// Whether a call without the headers keeps the id of the request.
  var keepsRequestID = false
  var retries = 0.0
  var background: [Background] = []
  var instances = 1
  /// The clock of each further instance is ahead by this many milliseconds more.
  var skew = 0.0
  var inboundSampling = 1.0
  var rootSampling = 1.0
  var lost = 0.0
  /// How late spans come, in milliseconds.
  var delay = 0.0...0.0
  /// Every so many seconds nothing is reported for two seconds.
  var restartEvery: Double?
  var isGateway = false
  /// What the service does with the headers of requests; nothing is wrong if there is none.
  var flaw: PropagationFlaw?
  /// The part of the requests with the flaw, from when on in milliseconds, and in which instances; nil for all.
  var flawShare = 1.0
  var flawFrom = 0.0
  var flawInstances: Set<Int>?
  /// Whether the called services have proxies that report.
  var calleesReport = false
  /// When the proxies of the called services fall silent, in milliseconds, and which part of their spans goes on to come.
  var calleesSilentFrom = Double.infinity
  var calleesAfterwards = 0.0
  /// Whether both sides of a call have one span id.
  var sharesIDs = true
  /// Whether the service's own tracer reports spans, a while after the proxy's, and calls are below those.
  var tracerDelay: ClosedRange<Double>?
  /// The sizes of requests and of calls, in bytes.
  var sizes = 0...0

  static let begin = Int64(1_700_000_000_000)

  /// A span with the moment at which it comes to the collector, in milliseconds from the beginning.
  typealias Report = (at: Double, span: Span)

  /// All spans, in the order in which they come.
  func reports(seed: UInt64) -> [Report] {
    var random = SeededGenerator(seed: seed)
    var reports: [Report] = []
    let times = closed(&random) ?? starts(&random).map { ($0, $0 + lengthOfOne(&random)) }
    let last = times.map(\.end).max() ?? 1_000
    for (index, time) in times.enumerated() {
      request(time, index % instances, &random, &reports)
    }
    for item in background {
      for (start, callee, instance) in starts(of: item, times, last, &random) {
        var call = SimulatedCall(callee, start, random.milliseconds(callLength), instance)
        call.requestID = SimulatedCall.requestID(random.next())
        call.size = Int.random(in: sizes, using: &random)
        begin(call, &random, &reports)
      }
    }
    reports = reports.filter { report in
      let start = Double(report.span.timestamp - Self.begin * 1_000) / 1_000
      if let restartEvery, start.truncatingRemainder(dividingBy: restartEvery * 1_000) < 2_000 { return false }
      return !random.happens(lost)
    }
    return reports.sorted { $0.at < $1.at }
  }

  private func lengthOfOne(_ random: inout SeededGenerator) -> Double {
    random.happens(longShare) ? random.milliseconds(longLength) : random.milliseconds(length)
  }

  private func starts(_ random: inout SeededGenerator) -> [Double] {
    var starts: [Double] = []
    var time = 0.0
    switch arrival {
    case .open(let rate):
      while starts.count < requests {
        time += random.wait(perSecond: rate)
        starts.append(time)
      }
    case .periodic(let interval):
      for index in 0..<requests { starts.append(Double(index) * interval + random.milliseconds(0...2)) }
    case .waves(let rate, let seconds):
      while starts.count < requests {
        let isHigh = (time / 1_000 / seconds).truncatingRemainder(dividingBy: 2) < 1
        time += random.wait(perSecond: isHigh ? rate : rate / 10)
        starts.append(time)
      }
    case .closed, .sessions: break
    }
    return starts
  }

  /// The times of requests from clients that wait for answers; nil if they come otherwise.
  private func closed(_ random: inout SeededGenerator) -> [(start: Double, end: Double)]? {
    var times: [(start: Double, end: Double)] = []
    switch arrival {
    case .closed(let clients, let pause):
      for _ in 0..<clients {
        var time = random.milliseconds(0...50)
        for _ in 0..<(requests / clients) {
          let end = time + lengthOfOne(&random)
          times.append((time, end))
          time = end + random.milliseconds(pause)
        }
      }
    case .sessions(let count, let pause, let between):
      var time = 0.0
      while times.count < requests {
        for _ in 0..<count {
          let end = time + lengthOfOne(&random)
          times.append((time, end))
          time = end + random.milliseconds(pause)
        }
        time += random.wait(perSecond: 1_000 / between)
      }
    case .open, .periodic, .waves: return nil
    }
    return times
  }

  private func starts(
    of item: Background, _ times: [(start: Double, end: Double)], _ last: Double, _ random: inout SeededGenerator
  ) -> [(Double, String, Int)] {
    var starts: [(Double, String, Int)] = []
    for instance in 0..<instances {
      var time = 0.0
      switch item {
      case .random(let rate, let callee):
        while time < last {
          time += random.wait(perSecond: rate)
          starts.append((time, callee, instance))
        }
      case .periodic(let interval, let jitter, let callee):
        time = random.milliseconds(0...interval)
        while time < last {
          starts.append((time + random.milliseconds(0...jitter), callee, instance))
          time += interval
        }
      case .bursts(let seconds, let calls, let apart, let callee):
        time = random.milliseconds(0...seconds * 1_000)
        while time < last {
          for index in 0..<calls { starts.append((time + Double(index) * apart, callee, instance)) }
          time += random.milliseconds(seconds * 500...seconds * 1_500)
        }
      case .afterAnswer(let delay, let callee):
        for (index, request) in times.enumerated() where index % instances == instance {
          starts.append((request.end + random.milliseconds(delay), callee, instance))
        }
      case .waves(let rate, let seconds, let callee):
        while time < last {
          let isHigh = (time / 1_000 / seconds).truncatingRemainder(dividingBy: 2) < 1
          time += random.wait(perSecond: isHigh ? rate : rate / 10)
          starts.append((time, callee, instance))
        }
      case .atStart(let calls, let callee):
        for index in 0..<calls { starts.append((Double(index) * 2, callee, instance)) }
      }
    }
    return starts
  }

  // MARK: What is said of it

  /// How many requests had come when the service was blamed first, as it is asked all along; nil if it never was.
  ///
  /// - Parameter looks: how often is asked.
  func requestsUntilBlamed(seed: UInt64, looks: Int = 20, limits: PropagationLimits = PropagationLimits()) -> (
    requests: Int?, report: PropagationReport
  ) {
    let reports = reports(seed: seed)
    var analyzer = PropagationAnalyzer(limits: limits)
    let size = max(reports.count / looks, 1)
    var report = analyzer.report(from: 0, to: 1 << 60)
    var seen = 0
    for first in stride(from: 0, to: reports.count, by: size) {
      let batch = reports[first..<min(first + size, reports.count)]
      let now = Self.begin + Int64(batch.last?.at ?? 0)
      analyzer.add(batch.map(\.span), now: now)
      seen += batch.count { $0.span.isInbound }
      report = analyzer.report(from: 0, to: 1 << 60)
      if !report.blamed.isEmpty { return (seen, report) }
    }
    return (nil, report)
  }
}

extension PropagationSimulation {
  /// The report on all that is reported, a while later.
  func report(seed: UInt64) -> PropagationReport {
    var analyzer = PropagationAnalyzer()
    var last: Int64 = 0
    let reports = reports(seed: seed)
    for first in stride(from: 0, to: reports.count, by: 100) {
      let batch = reports[first..<min(first + 100, reports.count)]
      last = Self.begin + Int64(batch.last?.at ?? 0)
      analyzer.add(batch.map(\.span), now: last)
    }
    return analyzer.report(from: 0, to: 1 << 60, now: (last + 11_000) * 1_000)
  }
}

extension SeededGenerator {
  mutating func milliseconds(_ range: ClosedRange<Double>) -> Double { Double.random(in: range, using: &self) }
  mutating func happens(_ share: Double) -> Bool { share > 0 && Double.random(in: 0..<1, using: &self) < share }
  /// The wait for the next of events that come so often per second, in milliseconds.
  mutating func wait(perSecond rate: Double) -> Double {
    -Self.logarithm(Double.random(in: 0x1p-30..<1, using: &self)) * 1_000 / rate
  }
  /// By its series, so that the numbers are the same everywhere.
  private static func logarithm(_ value: Double) -> Double {
    let exponent = Double(value.exponent)
    let x = (value.significand - 1) / (value.significand + 1)
    let square = x * x
    let series = x * (1 + square * (1 / 3 + square * (1 / 5 + square * (1 / 7 + square * (1 / 9 + square / 11)))))
    return exponent * 0.693_147_180_559_945_3 + 2 * series
  }
}
