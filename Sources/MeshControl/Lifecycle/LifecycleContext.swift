import MeshModel

/// How proxies are followed.
struct LifecycleSettings: Sendable {
  /// Identifies this run of the control plane.
  var instance: String
  /// When this run began, and connections to earlier ones had ended.
  var startTime: Timestamp
  /// Whether other control planes use the store too.
  var isShared: Bool
  /// How long a registered proxy may be away.
  var removalDelay: Duration
  /// How long proxies that registered with an earlier run have to come back.
  var startupGrace: Duration
  /// How many streams of proxies of one name there may be at a time: one, where everything is as it should be.
  var streamsOfOneName = 64
  /// How long to gather news of proxies before it is written.
  var writePause = Duration.milliseconds(250)
  /// How many insights are written at a time; they share transactions.
  var writesAtOnce = 100
  /// How old counts may be that other control planes read. Source: Kuma 2.7.
  var countPause = Duration.seconds(10)
  /// When to try again what a store has refused that does not tell when it is back.
  var retryPause = Duration.seconds(5)
  /// How many streams open or close until the memory that this needed for a moment is given back to the system.
  var movesPerCleaning = 200

  /// The label of Dataplanes that are there only as long as their proxy.
  static let registrationLabel = "kuma-trace.io/registered-by"

  /// What is known of a proxy by what was stored of it. Of a store of its own, a control plane knows that earlier runs are over;
  /// it is written along when the proxy comes back, and not for thousands at once at the start.
  func known(_ stored: DataplaneInsight) -> DataplaneInsight {
    isShared ? stored : stored.ending(at: startTime) { $0 != instance }
  }
}

/// When an event happens, and what else it depends on.
struct LifecycleContext {
  var settings: LifecycleSettings
  /// The time by which delays are measured.
  var now: ContinuousClock.Instant
  /// The wall clock's time, which is written down.
  var time: Timestamp
  /// Whether the control plane stops: streams are not taken any more.
  var isStopping = false
  /// What a stream was sent and how it was answered, so far.
  var status: (_ stream: String) -> DataplaneInsight.Status
}

/// A line of the log.
struct LogLine: Sendable, Equatable {
  enum Level: Sendable { case info, warning }

  var level: Level
  var message: String
  var metadata: [String: String]

  init(_ level: Level, _ message: String, _ metadata: [String: String]) {
    self.level = level
    self.message = message
    self.metadata = metadata
  }
}
