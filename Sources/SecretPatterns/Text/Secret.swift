/// A secret in a text.
package struct Secret: Sendable, Hashable {
  /// What kind of secret it is. The raw values are labels of metrics and fields of reports.
  package enum Kind: String, Sendable, Hashable, CaseIterable {
    /// The user and the password in a URL or another connection string.
    case userInfo = "user_info"
    /// The value of a key within a text: a parameter of a URL, a member in JSON, a header, a field.
    case parameter
    /// A whole tag, because of its key.
    case tag
    /// A token that is known by its form, such as a JWT.
    case token
    /// A private key in PEM.
    case privateKey = "private_key"
    /// A part of a path, such as the token of a link.
    case path
    /// The argument of a command.
    case argument
  }

  /// Where it stands in the bytes of the text.
  package var range: Range<Int>
  /// Its kind.
  package var kind: Kind
  /// Where its key stands; nil if it has none.
  package var key: Range<Int>?
  /// Whether a password follows the user.
  var hasPassword = false
  /// Where a quotation mark stands that comes before and after the replacement: what was a number or an object in JSON becomes a text.
  var mark: Range<Int>?

  /// What takes the place of a secret, as in OpenTelemetry's semantic conventions.
  package static let replacement = "REDACTED"

  /// Whether a text stands in the place of a secret already.
  static func isReplacement(_ text: UnsafeRawBufferPointer) -> Bool {
    if text.allSatisfy({ $0 == UInt8(ascii: "*") || $0 == UInt8(ascii: ":") }) { return true }
    let plain = Array(replacement.utf8)
    if text.elementsEqual(plain) { return true }
    return text.elementsEqual(plain + [UInt8(ascii: ":")] + plain)
  }
}

/// A text with its secrets.
package struct HiddenText: Sendable, Hashable {
  /// The text, ``Secret/replacement`` in the place of each secret.
  package var text: String
  /// The secrets. Their ranges are those of the bytes before.
  package var secrets: [Secret]

  /// Replaces secrets, which are in order and do not overlap.
  init(_ bytes: UnsafeRawBufferPointer, _ secrets: [Secret]) {
    var result: [UInt8] = []
    result.reserveCapacity(bytes.count + secrets.count * 8)
    var index = 0
    for secret in secrets {
      result += bytes[index..<secret.range.lowerBound]
      if let mark = secret.mark { result += bytes[mark] }
      result += Secret.replacement.utf8
      if secret.hasPassword {
        result.append(UInt8(ascii: ":"))
        result += Secret.replacement.utf8
      }
      if let mark = secret.mark { result += bytes[mark] }
      index = secret.range.upperBound
    }
    result += bytes[index...]
    text = String(decoding: result, as: UTF8.self)
    self.secrets = secrets
  }
}
