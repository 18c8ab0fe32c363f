import Crypto
public import Foundation

/// SHA-256 of all bytes of a content. `Data.hashValue` hashes only a prefix and differs between runs, but versions must
/// survive a restart of the control plane.
public struct ContentHash: Sendable, Hashable, CustomStringConvertible {
  /// The 32 bytes.
  public let bytes: [UInt8]

  /// Hashes bytes.
  public init(of content: some DataProtocol) {
    bytes = Array(SHA256.hash(data: content))
  }

  /// Hashes hashes, in the order given.
  public init(of hashes: some Sequence<ContentHash>) {
    var hasher = SHA256()
    for hash in hashes { hasher.update(data: hash.bytes) }
    bytes = Array(hasher.finalize())
  }

  /// The hash in lower-case hexadecimal digits.
  public var description: String {
    let digits = Array("0123456789abcdef".utf8)
    var text: [UInt8] = []
    text.reserveCapacity(bytes.count * 2)
    for byte in bytes {
      text.append(digits[Int(byte >> 4)])
      text.append(digits[Int(byte & 15)])
    }
    return String(decoding: text, as: UTF8.self)
  }
}
