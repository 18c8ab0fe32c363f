/// Why requests leave no trace: the numbered causes of `docs/no-trace.md`, whose table has the same rows.
package enum Cause: Int, Sendable, Hashable, CaseIterable {
  case unknown = 0
  case noPolicy = 1
  case overshadowed = 2
  case backendUnknown = 3
  case noDefaultBackend = 4
  case noneExpected = 5
  case notHTTP = 6
  case noOutbound = 7
  case proxyOffline = 8
  case neverConnected = 9
  case connectedElsewhere = 10
  case configurationRejected = 11
  case acknowledgementOutstanding = 12
  case otherConfiguration = 13
  case nameNotResolved = 14
  case connectionRefused = 15
  case tlsFailed = 16
  case answersOtherThanAccepted = 17
  case collectorSlow = 18
  case pathNotFound = 19
  case bodyTooLarge = 20
  case reportsOverflow = 21
  case spansRefused = 22
  case pastTheProxy = 23
  case callersForbid = 24
  case requestIDUntraceable = 25
  case healthChecksOnly = 26
  case clockOff = 27
  case wrongUnit = 28
  case otherServiceName = 29
  case streamOpen = 30
  case envoyTooOld = 31
  case removedByRetention = 32
  case traceBroken = 33
  case fine = 34

  /// The number in the table.
  package var number: Int { rawValue }

  /// The name by which programs know it: `name-not-resolved`.
  package var name: String { row.name }

  /// What it is, in a few words.
  package var title: String { row.title }

  /// What to do about it.
  package var remedy: String { row.remedy }

  /// Within how many seconds of the first request that it concerns it is named; `nil` where nothing has to be found out.
  package var limit: Int? { row.limit }

  /// The cause with a name.
  package init?(name: String) {
    guard let cause = Self.byName[name] else { return nil }
    self = cause
  }

  private static let byName = Dictionary(uniqueKeysWithValues: allCases.map { ($0.name, $0) })
}
