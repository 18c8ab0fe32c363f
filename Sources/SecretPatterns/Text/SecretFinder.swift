/// Finds secrets in texts.
///
/// A text is read once, from left to right, in time that grows with its length: what is looked at ahead is counted, and beyond a limit
/// the rest of the text is hidden. Words are separated by everything that is neither a
/// letter nor a digit nor one of `-_.~`; a word before `=` or `:` is a key. A character may be percent-encoded, so that a URL within
/// the parameter of another is looked into.
package struct SecretFinder: Sendable {
  /// Which keys name secrets.
  package let keys: SecretKeys

  /// Makes a finder.
  package init(keys: SecretKeys = SecretKeys()) { self.keys = keys }

  /// Hides the secrets of a text; nil if there are none.
  package func hiding(_ bytes: UnsafeRawBufferPointer) -> HiddenText? {
    let secrets = secrets(in: bytes)
    return secrets.isEmpty ? nil : HiddenText(bytes, secrets)
  }

  /// Hides the secrets of a text; nil if there are none.
  package func hiding(_ text: String) -> HiddenText? {
    var text = text
    return text.withUTF8 { hiding(UnsafeRawBufferPointer($0)) }
  }

  /// The secrets of a text, in order.
  package func secrets(in bytes: UnsafeRawBufferPointer) -> [Secret] { search(bytes).secrets }

  /// How many bytes of a text are looked at: each once, and those that were looked at ahead. At most 80 times the length.
  package func work(on text: String) -> Int {
    var text = text
    return text.withUTF8 { $0.count + search(UnsafeRawBufferPointer($0)).looked }
  }

  /// Texts are looked at up to this number of bytes; what is beyond is hidden. Spans have shorter ones.
  package static let longestText = 1 << 20

  private func search(_ bytes: UnsafeRawBufferPointer) -> (secrets: [Secret], looked: Int) {
    guard bytes.count <= Self.longestText else {
      let result = search(UnsafeRawBufferPointer(rebasing: bytes[..<Self.longestText]))
      return (result.secrets + [Secret(range: Self.longestText..<bytes.count, kind: .token)], result.looked)
    }
    guard Self.mayHoldSecret(bytes) else { return ([], 0) }
    var scan = SecretScan(bytes, keys)
    scan.run()
    return (scan.secrets, scan.looked)
  }

  /// Whether a text holds a secret.
  package func holdsSecret(_ bytes: UnsafeRawBufferPointer) -> Bool { !secrets(in: bytes).isEmpty }

  /// Whether a text is a secret by its looks: long, and random letters and digits. It is asked for texts whose key is doubtful.
  package static func looksSecret(_ bytes: UnsafeRawBufferPointer) -> Bool { SecretLooks(bytes).isRandom }

  /// The shortest secret without a key, such as `mysql -pabc`.
  private static let shortest = 9

  /// A quick look that answers true for every text with a secret, and false for most texts without.
  package static func mayHoldSecret(_ bytes: UnsafeRawBufferPointer) -> Bool {
    let table = ByteClasses.shared
    let classes = table.union(bytes)
    if classes & ByteClass.mark != 0 { return bytes.count > 2 }
    guard bytes.count >= shortest, let first = bytes.first else { return false }
    // One word is a token from its beginning, or has a JSON Web Token within it, or nothing.
    return classes & ByteClass.separator != 0 || first >= 0x80
      || classes & ByteClass.dot != 0 && bytes.count >= 32
      || table.has(first, ByteClass.tokenStart) && SecretScan.mayBegin(first | 0x20, bytes[1] | 0x20)
  }
}
