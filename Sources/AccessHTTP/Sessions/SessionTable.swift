import Crypto

/// The sessions of people who signed in on the page, as a value: bounded, and each with an end.
///
/// A session keeps the token with which it was opened. It proves nothing by itself: the token is verified again for each request, so a
/// session ends when its token expires or is revoked, or when the key is removed that signed it.
struct SessionTable: Sendable {
  /// The bounds.
  struct Limits: Sendable {
    /// The largest number of sessions. Beyond it the one ends that was not used for the longest time.
    var sessions = 1_000
    /// The largest number of sessions of one user, so that nobody ends the sessions of others by signing in again and again.
    var sessionsPerUser = 20
    /// How long a session may be unused.
    var idle = Duration.seconds(8 * 3_600)
    /// How long a session lasts at most.
    var age = Duration.seconds(24 * 3_600)
  }

  /// A session.
  struct Session: Sendable {
    /// The user token.
    let token: String
    /// The name of the user.
    let name: String
    /// What the page sends with each request that changes something: other pages cannot read it.
    let forgeryGuard: SessionSecret
    fileprivate let opened: ContinuousClock.Instant
    fileprivate var used: ContinuousClock.Instant
  }

  /// Sessions by the hash of their id. So a search takes as long for an id that is nearly right as for any other.
  private var sessions: [SHA256Digest: Session] = [:]
  private let limits: Limits

  init(limits: Limits = Limits()) { self.limits = limits }

  /// How many sessions there are, with those that have ended and were not asked for since.
  var count: Int { sessions.count }

  /// Opens a session.
  ///
  /// - Returns: its id, which only the browser keeps, and the session.
  mutating func open(token: String, name: String, at now: ContinuousClock.Instant) -> (
    id: SessionSecret, session: Session
  ) {
    sessions = sessions.filter { isOpen($0.value, at: now) }
    let own = sessions.filter { $0.value.name == name }
    if own.count >= limits.sessionsPerUser { endLeastRecentlyUsed(of: own) }
    if sessions.count >= limits.sessions { endLeastRecentlyUsed(of: sessions) }
    let id = SessionSecret.random()
    let session = Session(token: token, name: name, forgeryGuard: .random(), opened: now, used: now)
    sessions[id.hash] = session
    return (id, session)
  }

  /// Finds a session and notes that it is used.
  mutating func find(_ id: SessionSecret, at now: ContinuousClock.Instant) -> Session? {
    guard let session = sessions[id.hash] else { return nil }
    guard isOpen(session, at: now) else {
      close(id)
      return nil
    }
    sessions[id.hash]?.used = now
    return session
  }

  /// Ends a session.
  mutating func close(_ id: SessionSecret) { sessions[id.hash] = nil }

  private func isOpen(_ session: Session, at now: ContinuousClock.Instant) -> Bool {
    now - session.used < limits.idle && now - session.opened < limits.age
  }

  private mutating func endLeastRecentlyUsed(of some: [SHA256Digest: Session]) {
    guard let oldest = some.min(by: { $0.value.used < $1.value.used }) else { return }
    sessions[oldest.key] = nil
  }
}
