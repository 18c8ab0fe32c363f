/// Tokens and keys that are known by their form.
extension SecretScan {
  /// How a provider's tokens look.
  private struct Form: Sendable {
    /// With what they begin, in lower case. Names of operations are in lower case, so all are compared so.
    let prefix: StaticString
    /// How many characters follow at least.
    let count: Int
    /// Which characters follow.
    let classes: UInt8
    /// Whether exactly so many follow.
    let isExact: Bool
    /// Whether signs of base64 follow too, encoded or not.
    let isCookie: Bool

    init(
      _ prefix: StaticString, _ count: Int, _ classes: UInt8 = ByteClass.alphanumeric, isExact: Bool = false,
      isCookie: Bool = false
    ) {
      (self.prefix, self.count, self.classes, self.isExact, self.isCookie) = (
        prefix, count, classes, isExact, isCookie
      )
    }
  }

  /// Letters, digits, `-` and `_`. The other signs of base64 are no bytes of words.
  private static let url = ByteClass.base64

  /// The forms by the letter with which they begin. They are documented by those who issue them: Amazon's access key ids, GitHub,
  /// GitLab, Grafana, Google, Slack, Stripe, Shopify, npm, PyPI, SendGrid, OpenAI, Anthropic, Hugging Face, Vault, DigitalOcean,
  /// Docker, Groq.
  private static let forms: [UInt8: [Form]] = {
    let all = [
      Form("akia", 16, isExact: true), Form("asia", 16, isExact: true), Form("abia", 16, isExact: true),
      Form("aiza", 35, url), Form("ghp_", 20), Form("gho_", 20), Form("ghu_", 20), Form("ghs_", 20), Form("ghr_", 20),
      Form("github_pat_", 22, url), Form("glpat-", 20, url), Form("gldt-", 20, url), Form("glrt-", 20, url),
      Form("glsa_", 32, url), Form("gocspx-", 24, url), Form("ya29.", 20, url), Form("xoxb-", 10, url),
      Form("xoxp-", 10, url), Form("xoxa-", 10, url), Form("xoxr-", 10, url), Form("xoxs-", 10, url),
      Form("xoxc-", 10, url), Form("xoxd-", 10, url, isCookie: true), Form("xoxe-", 10, url),
      Form("xoxe.", 10, url | ByteClass.dot), Form("xapp-1-", 10, url), Form("sk_live_", 16), Form("sk_test_", 16),
      Form("rk_live_", 16), Form("rk_test_", 16), Form("whsec_", 24, url), Form("shpat_", 32), Form("shpss_", 32),
      Form("shpca_", 32), Form("shppa_", 32), Form("npm_", 30), Form("pypi-age", 16, url), Form("pypi-", 50, url),
      Form("sg.", 40, url | ByteClass.dot), Form("dckr_pat_", 20, url), Form("dckr_oat_", 20, url), Form("gsk_", 30),
      Form("glptt-", 20, url), Form("glcbt-", 20, url), Form("glsoat-", 20, url), Form("glft-", 20, url),
      Form("sk-ant-", 24, url),
      Form("sk-proj-", 24, url), Form("sk-", 32), Form("hf_", 20), Form("hvs.", 24, url), Form("hvb.", 24, url),
      Form("dop_v1_", 64),
    ]
    return Dictionary(grouping: all) { form in form.prefix.withUTF8Buffer { $0[0] } }
  }()

  /// The forms by the letter with which they begin, as a table of letters.
  private static let formsByLetter: [[Form]] = (0..<26).map { forms[UInt8(ascii: "a") + $0] ?? [] }

  private static let shortest = 15

  /// For each letter the second characters of the forms that begin with it, a bit for each of their lowest five bits. Never released.
  private nonisolated(unsafe) static let seconds: UnsafePointer<UInt32> = {
    let seconds = UnsafeMutablePointer<UInt32>.allocate(capacity: 32)
    seconds.initialize(repeating: 0, count: 32)
    for form in forms.values.joined() {
      form.prefix.withUTF8Buffer { seconds[Int($0[0] & 31)] |= 1 << UInt32($0[1] & 31) }
    }
    // JSON Web Tokens.
    seconds[Int(UInt8(ascii: "e") & 31)] |= 1 << UInt32(UInt8(ascii: "y") & 31)
    return UnsafePointer(seconds)
  }()

  /// Whether the first two characters, a letter and another in lower case, may be those of a form.
  static func mayBegin(_ first: UInt8, _ second: UInt8) -> Bool {
    seconds[Int(first & 31)] >> UInt32(second & 31) & 1 != 0
  }

  /// Where a token ends that begins at a position, and its kind; nil if none begins there.
  mutating func tokenEnd(at start: Int) -> (position: Int, kind: Secret.Kind)? {
    guard bytes.count - start >= Self.shortest else { return nil }
    let first = bytes[start] | 0x20
    if bytes[start] == UInt8(ascii: "-") { return privateKeyEnd(at: start).map { ($0, .privateKey) } }
    guard first >= UInt8(ascii: "a"), first <= UInt8(ascii: "z"), Self.mayBegin(first, bytes[start + 1] | 0x20) else {
      return nil
    }
    if first == UInt8(ascii: "e") { return webTokenEnd(at: start).map { ($0, .token) } }
    for form in Self.formsByLetter[Int(first - UInt8(ascii: "a"))] where hasPrefix(form.prefix, at: start) {
      let begin = start + form.prefix.utf8CodeUnitCount
      let end = form.isCookie ? cookieEnd(from: begin) : runEnd(from: begin, of: form.classes)
      guard form.isExact ? end - begin == form.count : end - begin >= form.count else { continue }
      // Words in a sentence have no digits.
      guard text(begin..<end).contains(where: { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else {
        continue
      }
      return (end, .token)
    }
    return nil
  }

  /// Where a run of bytes of some classes ends. `+` and `/`, which are base64 too, end it.
  private mutating func runEnd(from start: Int, of wanted: UInt8) -> Int {
    var position = start
    defer { looked += position - start }
    while position < bytes.count, classes.has(bytes[position], wanted),
      classes.has(bytes[position], ByteClass.word)
    {
      position += 1
    }
    return position
  }

  /// Where a run of base64 ends whose signs may be encoded, as in a cookie.
  private mutating func cookieEnd(from start: Int) -> Int {
    var position = start
    defer { looked += position - start }
    while position < bytes.count {
      let character = EncodedCharacter(bytes, position)
      guard classes.has(character.byte, ByteClass.base64) || character.byte == UInt8(ascii: "=") else { break }
      position = character.end
    }
    return position
  }

  /// Where a JSON Web Token ends: `eyJ…`, a dot, and further parts of base64 with dots between (RFC 7519).
  private mutating func webTokenEnd(at start: Int) -> Int? {
    guard hasPrefix("eyj", at: start) else { return nil }
    var end = runEnd(from: start, of: Self.url)
    guard end - start >= 10 else { return nil }
    var parts = 1
    while end < bytes.count, bytes[end] == UInt8(ascii: ".") {
      let next = runEnd(from: end + 1, of: Self.url)
      // The signature may be empty, and so may the key of an encrypted one (RFC 7516, 4.5).
      guard next > end + 1 || parts > 1 || next < bytes.count && bytes[next] == UInt8(ascii: ".") else { break }
      parts += 1
      end = next
    }
    return parts > 1 ? end : nil
  }

  /// A token that begins within the last word: a JSON Web Token as in `v1.eyJ…`, or a private key as in `x-----BEGIN`.
  mutating func tokenWithinWord() -> (range: Range<Int>, kind: Secret.Kind)? {
    let last = word.upperBound
    if bytes[last - 1] | 0x20 == UInt8(ascii: "n"), hasPrefix("-----begin", at: last - 10),
      let end = privateKeyEnd(at: last - 10)
    {
      return ((last - 10)..<end, .privateKey)
    }
    guard word.count >= Self.shortest else { return nil }
    var position = word.lowerBound + 1
    while position < last - 10 {
      guard bytes[position] | 0x20 == UInt8(ascii: "e"), hasPrefix("eyj", at: position) else {
        position += 1
        continue
      }
      if let end = webTokenEnd(at: position) { return (position..<end, .token) }
      // What begins later in this part of the word ends where it ends, and is none either.
      position = max(runEnd(from: position, of: Self.url), position + 3)
    }
    return nil
  }

  /// Where a private key in PEM ends, the end of the text if its own end is missing. Its blanks may be encoded.
  private mutating func privateKeyEnd(at start: Int) -> Int? {
    var begin = start
    while begin < bytes.count, bytes[begin] == UInt8(ascii: "-") { begin += 1 }
    looked += begin - start
    guard begin - start >= 4, hasPrefix("begin", at: begin) else { return nil }
    let title = begin + 5
    var dash = title
    while dash < bytes.count, dash - title < 64, bytes[dash] != UInt8(ascii: "-") { dash += 1 }
    looked += dash - title
    let words: StaticString = "private"
    let isKey = (title..<dash).contains { position in
      hasPrefix(words, at: position)
        && [8, 10, 12].contains { position + $0 < dash && hasPrefix("key", at: position + $0) }
    }
    guard isKey else { return nil }
    var position = dash
    defer { looked += position - dash }
    while position < bytes.count {
      if bytes[position] == UInt8(ascii: "-"),
        hasPrefix("-----end", at: position) || hasPrefix("---- end", at: position)
      {
        position += 8
        while position < bytes.count, bytes[position] != UInt8(ascii: "-") { position += 1 }
        while position < bytes.count, bytes[position] == UInt8(ascii: "-") { position += 1 }
        return position
      }
      position += 1
    }
    return position
  }
}
