import Crypto
import Synchronization

/// Remembers tokens whose signatures were verified with the keys of one ring. It is bounded.
final class VerifiedTokens: Sendable {
  struct Key: Hashable {
    private let hash: [UInt8]
    private let mesh: String

    init(_ text: String, mesh: String) {
      hash = Array(SHA256.hash(data: Array(text.utf8)))
      self.mesh = mesh
    }
  }

  private static let limit = 8192
  private let tokens = Mutex<[Key: VerifiedToken]>([:])

  func find(_ key: Key) -> VerifiedToken? { tokens.withLock { $0[key] } }

  func keep(_ token: VerifiedToken, for key: Key) {
    tokens.withLock { tokens in
      if tokens.count >= Self.limit { tokens = [:] }
      tokens[key] = token
    }
  }
}
