import Crypto

/// A random text that nobody can guess: 32 bytes in base64 for URLs.
struct SessionSecret: Sendable {
  /// The text.
  let text: String

  private static let length = 43

  private init(text: String) { self.text = text }

  /// A secret as a browser sends it; nil if it cannot be one.
  init?(_ text: some StringProtocol) {
    guard text.utf8.count == Self.length, text.utf8.allSatisfy(Self.isDigit) else { return nil }
    self.init(text: String(text))
  }

  /// A new secret.
  static func random() -> SessionSecret {
    // A key of this size comes from the system's source of random numbers.
    let bytes = SymmetricKey(size: .bits256).withUnsafeBytes { Array($0) }
    return SessionSecret(text: String(decoding: digits(of: bytes), as: UTF8.self))
  }

  /// A hash, by which sessions are found and secrets compared: the time of a comparison says nothing about the secret.
  var hash: SHA256Digest { SHA256.hash(data: Array(text.utf8)) }

  private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

  private static func isDigit(_ byte: UInt8) -> Bool { alphabet.contains(byte) }

  /// Base64 for URLs, without padding (https://www.rfc-editor.org/rfc/rfc4648#section-5).
  private static func digits(of bytes: [UInt8]) -> [UInt8] {
    var digits: [UInt8] = []
    var (bits, count): (UInt32, Int) = (0, 0)
    for byte in bytes {
      bits = bits << 8 | UInt32(byte)
      count += 8
      while count >= 6 {
        count -= 6
        digits.append(alphabet[Int(bits >> UInt32(count) & 63)])
      }
      bits &= (1 << UInt32(count)) - 1
    }
    if count > 0 { digits.append(alphabet[Int(bits << UInt32(6 - count) & 63)]) }
    return digits
  }
}
