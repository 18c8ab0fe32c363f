/// Counters of the calls from one service to another in a minute.
struct CallCounts: Sendable {
  /// Calls that continued a trace.
  var continued = 0
  /// Calls that began a trace.
  var begun = 0
  /// Calls of ``begun`` during a request.
  var inFlight = 0
  /// Calls of ``inFlight`` with the id of such a request.
  var certain = 0
  /// Calls of ``begun`` with the id of a request that was answered before.
  var late = 0
  /// Calls of ``late`` during no request.
  var lateAlone = 0
  var test = ChanceTest()
  /// What examined traces tell about calls.
  var examined = ExaminedCalls()

  /// Calls that began a trace and are attributed to requests, if there is evidence that calls are made for requests.
  var started: Int { inFlight + lateAlone }

  mutating func add(_ other: CallCounts) {
    continued += other.continued
    begun += other.begun
    inFlight += other.inFlight
    certain += other.certain
    late += other.late
    lateAlone += other.lateAlone
    test.add(other.test)
    examined.add(other.examined)
  }
}

/// Values for minutes of the last hour. Minutes without data take no memory.
struct Minutes<Value: Sendable>: Sendable {
  private static var kept: Int64 { 61 }
  private(set) var values: [(minute: Int64, value: Value)] = []
  private let nothing: Value

  init(_ nothing: Value) { self.nothing = nothing }

  /// Changes the value of a minute. A minute more than an hour ago is ignored.
  ///
  /// - Parameter time: microseconds since 1970.
  mutating func change(at time: Int64, _ body: (inout Value) -> Void) {
    let minute = time / 60_000_000
    var index = values.count
    while index > 0, values[index - 1].minute > minute { index -= 1 }
    if index > 0, values[index - 1].minute == minute {
      body(&values[index - 1].value)
      return
    }
    if let newest = values.last?.minute, minute <= newest - Self.kept { return }
    var value = nothing
    body(&value)
    values.insert((minute, value), at: index)
    if let newest = values.last?.minute { values.removeAll { $0.minute <= newest - Self.kept } }
  }

  /// The values of the minutes that overlap with a period, in microseconds since 1970.
  func values(from: Int64, to: Int64) -> [Value] {
    values.filter { $0.minute >= from / 60_000_000 && $0.minute <= to / 60_000_000 }.map(\.value)
  }

  /// The start of the first minute with something after minutes without it, in microseconds since 1970; `nil` if it was so from the
  /// beginning, or never.
  func start(from: Int64, to: Int64, without: (Value) -> Bool, with: (Value) -> Bool) -> Int64? {
    var isKnownBefore = false
    for (minute, value) in values where minute >= from / 60_000_000 && minute <= to / 60_000_000 {
      if with(value) { return isKnownBefore ? minute * 60_000_000 : nil }
      isKnownBefore = isKnownBefore || without(value)
    }
    return nil
  }
}
