/// A key without its spelling: lower case, without `-` and `_`, escapes decoded; as hashes of the whole and of the part after the
/// last dot.
struct KeyName {
  /// The hash of the whole key.
  private(set) var whole = KeyName.start
  /// The hash of the part after the last dot.
  private(set) var last = KeyName.start
  /// The end of the key, dots left out.
  private var text = InlineText()
  /// Whether a word that secrets have was in what ``text`` does not hold any more.
  private var hadWord = false
  /// How many bytes the part after the last dot has.
  private var lastCount = 0

  init(_ key: String) {
    var key = key
    self = key.withUTF8 { KeyName(UnsafeRawBufferPointer($0)) }
  }

  init(_ key: UnsafeRawBufferPointer) {
    var index = 0
    while index < key.count {
      let character = EncodedCharacter(key, index)
      index = character.end
      var byte = character.byte
      if byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_") { continue }
      if byte >= UInt8(ascii: "A"), byte <= UInt8(ascii: "Z") { byte |= 0x20 }
      whole = Self.next(whole, byte)
      if byte == UInt8(ascii: ".") {
        last = Self.start
        lastCount = 0
      } else {
        last = Self.next(last, byte)
        if text.isFull {
          hadWord = hadWord || hasWord
          text.dropBeginning()
        }
        lastCount += 1
        text.append(byte)
      }
    }
  }

  /// Whether the whole key or its last part is in a list.
  func isIn(_ names: Set<UInt64>) -> Bool { names.contains(whole) || names.contains(last) }

  /// Whether the key has a word that secrets have: `userPassword`, `refreshToken`, `app_secret`.
  var hasSecretWord: Bool {
    // Most keys lack a letter of each word.
    Self.ends.contains { text.hasLetters($0.letters) && text.hasStem($0.text) } || hadWord || hasWord
  }

  /// Whether ``text`` has one of the words that count wherever they stand.
  private var hasWord: Bool {
    Self.words.contains { text.hasLetters($0.letters) && text.contains($0.text, butNot: $0.longer) }
      // OpenTelemetry's `session.id` is no secret, `session_id` is.
      || text.hasLetters(Self.session.letters) && text.contains(Self.session.text, inLast: lastCount)
  }

  /// A word with the set of its letters.
  private struct Word: Sendable {
    let text: StaticString
    let letters: UInt32
    /// How other words go on that begin like this one.
    let longer: [StaticString]

    init(_ text: StaticString, butNot longer: [StaticString] = []) {
      (self.text, self.longer) = (text, longer)
      letters = text.withUTF8Buffer { $0.reduce(0) { $0 | KeyFilter.letter($1) } }
    }
  }

  /// The letters of each word that secrets have, a bit for each.
  static var letterSets: [UInt32] { (ends + words + [session]).map(\.letters) }

  private static let ends: [Word] = ["token", "apikey", "privatekey", "secretkey", "accesskey", "pwd", "basicauth"]
    .map { Word($0) }
  /// None is longer than what ``InlineText/dropBeginning()`` leaves.
  private static let words = [
    Word("password", butNot: ["less"]), Word("passwd"), Word("passphrase"),
    // Secretary, secretaries, secretariat, secretion, secretly, secretive.
    Word("secret", butNot: ["ary", "aries", "aria", "ion", "ly", "ive"]), Word("authorization"),
  ]

  private static let session = Word("sessionid")

  /// Whether the key names something about a secret, not the secret: `token_count`, `secret.name`.
  var isAboutSecret: Bool { Self.abouts.contains { text.hasSuffix($0) } }

  /// Whether the key counts tests: `tests.pass`.
  var isOfTests: Bool { Self.tests.contains { text.hasSuffix($0) } }

  private static let tests: [StaticString] = ["testspass", "checkspass", "casespass", "specspass", "assertionspass"]

  private static let abouts: [StaticString] = [
    "name", "count", "type", "kind", "length", "len", "size", "version", "policy", "expiry", "expires", "expiresin",
    "expiresat", "expired", "age", "ttl", "limit", "status", "state", "enabled", "required", "valid", "changed",
    "changedat", "updatedat", "createdat", "path", "file", "url", "uri", "endpoint", "format", "attempts", "strength",
    "rotation", "field", "class", "provider", "manager", "store", "uid", "error", "reason", "result", "method",
    "present", "exists", "mode", "usage", "tokens", "pagetoken", "nexttoken", "continuationtoken", "paginationtoken",
    "cancellationtoken", "authorizationamount", "authorizationdate", "authorizationid", "authorizationlevel",
    "authorizationscope", "authorizationserver",
  ]

  // MARK: FNV-1a

  private static let start: UInt64 = 0xcbf2_9ce4_8422_2325

  private static func next(_ hash: UInt64, _ byte: UInt8) -> UInt64 { (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
}

/// A text of at most 64 bytes, without memory of its own.
private struct InlineText {
  private var words: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0, 0, 0, 0, 0)
  private var count = 0
  /// The letters that the text has or had, a bit for each.
  private var letters: UInt32 = 0

  func hasLetters(_ wanted: UInt32) -> Bool { letters & wanted == wanted }

  /// Whether there is room for another byte only after ``dropBeginning()``.
  var isFull: Bool { count == 64 }

  /// Keeps the last 32 bytes of a full text.
  mutating func dropBeginning() {
    withUnsafeMutableBytes(of: &words) { bytes in
      for index in 32..<bytes.count { bytes[index - 32] = bytes[index] }
    }
    count = 32
  }

  mutating func append(_ byte: UInt8) {
    letters |= KeyFilter.letter(byte)
    withUnsafeMutableBytes(of: &words) { $0[count] = byte }
    count += 1
  }

  func hasSuffix(_ suffix: StaticString) -> Bool { hasSuffix(suffix, before: count) }

  private func hasSuffix(_ suffix: StaticString, before end: Int) -> Bool {
    end >= suffix.utf8CodeUnitCount && matches(suffix, at: end - suffix.utf8CodeUnitCount)
  }

  /// Whether the text ends with a word, a number, a version or `value` behind it or not: `token1`, `access_token_v2`, `tokenValue`.
  func hasStem(_ word: StaticString) -> Bool {
    if hasSuffix(word) { return true }
    var end = count
    withUnsafeBytes(of: words) { bytes in
      while end > 0, bytes[end - 1] >= UInt8(ascii: "0"), bytes[end - 1] <= UInt8(ascii: "9") { end -= 1 }
      if end < count, end > 0, bytes[end - 1] == UInt8(ascii: "v") { end -= 1 }
    }
    for addition: StaticString in ["value", "raw", "plain"] where hasSuffix(addition, before: end) {
      end -= addition.utf8CodeUnitCount
      break
    }
    return end < count && hasSuffix(word, before: end)
  }

  /// Whether a word is in the text, or in so many of its last bytes, and does not go on in one of some ways.
  func contains(_ word: StaticString, inLast lastCount: Int = .max, butNot longer: [StaticString] = []) -> Bool {
    let last = min(count, lastCount)
    guard last >= word.utf8CodeUnitCount else { return false }
    return ((count - last)...(count - word.utf8CodeUnitCount)).contains { start in
      guard matches(word, at: start) else { return false }
      let end = start + word.utf8CodeUnitCount
      return !longer.contains { end + $0.utf8CodeUnitCount <= count && matches($0, at: end) }
    }
  }

  private func matches(_ word: StaticString, at start: Int) -> Bool {
    withUnsafeBytes(of: words) { bytes in
      word.withUTF8Buffer { word in
        for index in word.indices where bytes[start + index] != word[index] { return false }
        return true
      }
    }
  }
}
