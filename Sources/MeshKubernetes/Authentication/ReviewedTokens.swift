import Crypto
import Documents

/// The tokens that the API server has accepted, so that it is not asked again for each stream. A value: the caller passes the
/// time, since any start.
///
/// A token is believed for some minutes; then it is asked for again, which notices one that was revoked. While the API server does
/// not answer, a token that it has accepted once is believed until the token expires.
package struct ReviewedTokens: Sendable {
  /// What is known of a token.
  package enum Knowledge: Sendable, Equatable {
    /// Nothing.
    case none
    /// Its owner, who was asked about a moment ago.
    case recent(TokenOwner)
    /// Its owner, who has to be asked about again, if that is possible.
    case old(TokenOwner)
  }

  private struct Entry {
    var owner: TokenOwner
    var recentUntil: Duration
    var end: Duration
  }

  /// For how long a token is believed without another question.
  static let recentTime = Duration.seconds(300)
  /// For how long a token that does not say when it expires is believed at most.
  static let longestTime = Duration.seconds(3_600)
  /// How many tokens are kept.
  static let limit = 20_000

  private var entries: [SHA256.Digest: Entry] = [:]

  package init() {}

  /// How many tokens are kept.
  var count: Int { entries.count }

  /// What is known of a token.
  package func knowledge(of token: String, at now: Duration) -> Knowledge {
    guard let entry = entries[Self.key(token)], now < entry.end else { return .none }
    return now < entry.recentUntil ? .recent(entry.owner) : .old(entry.owner)
  }

  /// The API server has accepted a token.
  ///
  /// - Parameter seconds: the time of the wall clock, in seconds since 1970, by which tokens expire.
  package mutating func accept(_ token: String, of owner: TokenOwner, at now: Duration, seconds: Int64) {
    let left = Self.expiry(of: token).map { $0 > seconds ? Duration.seconds($0 &- seconds) : .zero }
    let end = now + min(left ?? Self.longestTime, Self.longestTime)
    if entries.count >= Self.limit { makeRoom(at: now) }
    entries[Self.key(token)] = Entry(owner: owner, recentUntil: min(end, now + Self.recentTime), end: end)
  }

  /// The API server has refused a token.
  package mutating func refuse(_ token: String) { entries[Self.key(token)] = nil }

  /// Removes what has expired, and the oldest quarter if that is not enough.
  private mutating func makeRoom(at now: Duration) {
    entries = entries.filter { now < $0.value.end }
    guard entries.count >= Self.limit else { return }
    let oldest = entries.sorted { $0.value.recentUntil < $1.value.recentUntil }.prefix(Self.limit / 4)
    for (key, _) in oldest { entries[key] = nil }
  }

  private static func key(_ token: String) -> SHA256.Digest { SHA256.hash(data: Array(token.utf8)) }

  /// When a token expires, in seconds since 1970; `nil` if it does not say. The API server has checked it already. Source of the
  /// form: RFC 7519.
  static func expiry(of token: String) -> Int64? {
    let parts = token.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 3 else { return nil }
    guard let bytes = Base64.decode(String(parts[1])), let claims = try? DocumentValue(json: bytes) else { return nil }
    return claims["exp"]?.number.flatMap { Int64(exactly: $0.rounded(.down)) }
  }
}
