/// Decides when a watchdog gets a sign of life: at half of its interval, and only while every part of the process answers.
///
/// Four times in an interval each part is asked a question. A part whose earlier question is still open is silent: it is not asked
/// again, and there is no sign of life until it has answered. A part that stays silent for an interval ends the process, whatever the
/// others do. It is a value without a timer.
package struct WatchdogPlan: Sendable {
  /// What is to be done.
  package enum Action: Sendable, Hashable {
    /// Ask the part with this index.
    case ask(Int)
    /// Give the sign of life.
    case tellAlive
    /// These parts do not answer, which was not so before.
    case reportSilent([String])
    /// All parts answer again.
    case reportWell
  }

  private let interval: Duration
  private var parts: [String]
  private var isOpen: [Bool]
  private var silent: [String] = []
  private var lastSign: Duration?

  /// - Parameters:
  ///   - interval: that of the watchdog.
  ///   - parts: the names of the parts that are asked.
  package init(interval: Duration, parts: [String]) {
    self.interval = interval
    self.parts = parts
    isOpen = Array(repeating: false, count: parts.count)
  }

  /// How often ``tick(at:)`` is to be called.
  package var period: Duration { interval / 4 }

  /// Time has passed.
  ///
  /// - Parameter now: the time on a clock that does not go back.
  package mutating func tick(at now: Duration) -> [Action] {
    var actions: [Action] = []
    let silentNow = zip(parts, isOpen).filter(\.1).map(\.0)
    if silentNow.isEmpty, !silent.isEmpty { actions.append(.reportWell) }
    if silentNow.contains(where: { !silent.contains($0) }) { actions.append(.reportSilent(silentNow)) }
    silent = silentNow
    // The first tick has no answers yet; the service manager counts from the readiness, which is told just before.
    let last = lastSign ?? now
    lastSign = last
    if silentNow.isEmpty, now - last >= interval / 2 {
      lastSign = now
      actions.append(.tellAlive)
    }
    for index in parts.indices where !isOpen[index] {
      isOpen[index] = true
      actions.append(.ask(index))
    }
    return actions
  }

  /// No part is asked any more, and none counts as silent.
  package mutating func askNobody() {
    parts = []
    isOpen = []
    silent = []
  }

  /// A part has answered its question.
  package mutating func answered(_ index: Int) {
    guard isOpen.indices.contains(index) else { return }
    isOpen[index] = false
  }
}
