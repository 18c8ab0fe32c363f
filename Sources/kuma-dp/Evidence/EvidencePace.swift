/// How often an Envoy is asked what it has counted, and how often that is told.
struct EvidencePace: Sendable, Equatable {
  /// Between two questions to Envoy.
  var question = Duration.seconds(2)
  /// Between two messages, of which the later says that something was counted that the one before did not say. After a longer pause
  /// the first message comes at once.
  var message = Duration.seconds(5)
  /// The same of a message that says that something fails that did not fail before.
  var failure = Duration.seconds(2)
  /// Between two messages that say that the same goes on. Failures that go on are told every ``message``.
  ///
  /// A proxy whose spans vanish is found after this time and a ``question``: within ten seconds.
  var steady = Duration.seconds(8)
  /// Before a message that the control plane waits for.
  var awaited = Duration.seconds(2)
  /// For how long after a pause what goes on is told every ``message`` all the same: a proxy that begins to get requests is looked at.
  var beginning = Duration.seconds(30)
  /// After this time there is a message although nothing was counted. The connection of the last one is closed by then: a thousand
  /// that stay open would take the control plane more memory than the evidence.
  var signOfLife = Duration.seconds(300)
  /// The longest wait while the control plane does not take messages.
  var longestWait = Duration.seconds(60)
}
