/// What was counted of the calls from a service to another in a minute.
struct CallCounts: Sendable {
  /// Calls that continued a trace.
  var continued = 0
  /// Calls that began a trace.
  var begun = 0
  /// Those of them that were made while a request was in flight.
  var inFlight = 0
  /// Those of them that carry the id of such a request.
  var certain = 0
  var test = ChanceTest()

  mutating func add(_ other: CallCounts) {
    continued += other.continued
    begun += other.begun
    inFlight += other.inFlight
    certain += other.certain
    test.add(other.test)
  }
}

/// A value for each minute of the last hour in which there was something.
struct Minutes<Value: Sendable>: Sendable {
  private static var kept: Int64 { 61 }
  private(set) var values: [(minute: Int64, value: Value)] = []
  private let nothing: Value

  init(_ nothing: Value) { self.nothing = nothing }

  /// Changes the value of a minute; nothing happens if it is too long ago.
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

  /// The values of the minutes that have a part in a time, in microseconds since 1970.
  func values(from: Int64, to: Int64) -> [Value] {
    values.filter { $0.minute >= from / 60_000_000 && $0.minute <= to / 60_000_000 }.map(\.value)
  }
}
