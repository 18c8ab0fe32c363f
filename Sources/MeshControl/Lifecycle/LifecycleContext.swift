import MeshModel

/// Settings of the lifecycle of proxies.
struct LifecycleSettings: Sendable {
  /// Identifies this run of the control plane.
  var instance: String
  /// When this run began. Connections to earlier runs ended before.
  var startTime: Timestamp
  /// Whether several control planes use the store.
  var isShared: Bool
  /// How long a registered proxy may be disconnected before its Dataplane is removed.
  var removalDelay: Duration
  /// How long a proxy that registered with an earlier run has to reconnect.
  var startupGrace: Duration
  /// How long changes are collected before insights are written.
  var writePause = Duration.milliseconds(250)
  /// How many insights are written at a time. They share transactions.
  var writesAtOnce = 100
  /// The largest age of counts that other control planes read. Source: Kuma 2.7.
  var countPause = Duration.seconds(10)
  /// The delay before a failed write is retried, for a store that does not report its recovery.
  var retryPause = Duration.seconds(5)
  /// After so many opened or closed streams, unused memory is returned to the system.
  var movesPerCleaning = 200

  /// The label of Dataplanes that are removed together with their proxies.
  static let registrationLabel = "kuma-trace.io/registered-by"

  /// The state of a proxy, from its stored insight. With a store of its own, a control plane knows that earlier runs have ended:
  /// it ends their subscriptions here, and writes them when the proxy reconnects, not for thousands of proxies at the start.
  func known(_ stored: DataplaneInsight) -> DataplaneInsight {
    isShared ? stored : stored.ending(at: startTime) { $0 != instance }
  }
}

/// The time of an event and the state that its handling depends on.
struct LifecycleContext {
  var settings: LifecycleSettings
  /// The clock for delays.
  var now: ContinuousClock.Instant
  /// The wall clock, for stored times.
  var time: Timestamp
  /// Whether the control plane is shutting down. It then refuses new streams.
  var isStopping = false
  /// The counts of responses and answers of a stream.
  var status: (_ stream: String) -> DataplaneInsight.Status
}
