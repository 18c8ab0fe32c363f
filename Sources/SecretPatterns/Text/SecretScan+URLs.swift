/// Users and passwords in URLs and connection strings, and URLs that are secrets themselves.
extension SecretScan {
  /// The schemes of URLs that are understood although a slash is missing or is one too many, as browsers do.
  private static let schemes: [StaticString] = [
    "http", "https", "ws", "wss", "ftp", "redis", "amqp", "postgres", "postgresql", "mysql", "mongodb",
  ]

  /// Whether the last word is such a scheme.
  var isScheme: Bool { Self.schemes.contains { isWord($0) } }

  /// Goes on behind the slashes of `http:///ada:pw@h`.
  mutating func skipFurtherSlashes(level: Int) {
    guard index < bytes.count, bytes[index] == UInt8(ascii: "/"), isScheme else { return }
    while index < bytes.count, bytes[index] == UInt8(ascii: "/") { index += 1 }
  }

  /// Hides the user in what follows `//`. The next character is the one after it.
  ///
  /// - Parameter isCertain: whether only a user with a password is hidden, as what follows may be a path.
  mutating func hideUser(level: Int, isCertain: Bool = false) {
    let start = index
    var position = start
    var (at, colon): (Int?, Int?) = (nil, nil)
    defer { looked += position - start }
    scan: while position < bytes.count {
      let character = EncodedCharacter(bytes, position)
      if character.level <= level {
        switch character.byte {
        case UInt8(ascii: "/"), UInt8(ascii: "?"), UInt8(ascii: "#"), UInt8(ascii: "\""), UInt8(ascii: "<"),
          UInt8(ascii: ">"), UInt8(ascii: "`"), 0x00...0x20:
          break scan
        case UInt8(ascii: "@"): at = position
        case UInt8(ascii: ":"): colon = colon ?? position
        default: break
        }
      }
      position = character.end
    }
    if isCertain, at == nil || colon.map({ $0 > at ?? 0 }) ?? true { return }
    if at == nil, let colon, bytes[start] != UInt8(ascii: "["),
      text(colon..<position).dropFirst().contains(where: { !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
    {
      // What should be a port is none: a password with a slash, in a text that somebody meant as a URL.
      at = laterAt(from: position)
    }
    guard let at, at > start else { return }
    hide(start..<at, .userInfo, hasPassword: level == 0 && colon.map { $0 < at } ?? false)
  }

  /// The next `@` before a blank, if it is near.
  private mutating func laterAt(from start: Int) -> Int? {
    var seen = 0
    defer { looked += seen }
    for position in start..<min(bytes.count, start + Self.lookahead) {
      seen += 1
      switch bytes[position] {
      case UInt8(ascii: "@"): return position
      case 0x00...0x20, UInt8(ascii: "\""), UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "`"): return nil
      default: break
      }
    }
    return nil
  }

  /// Hides the user in Oracle's `jdbc:oracle:thin:user/password@host`. The next character is the one after the colon.
  mutating func hideOracle() {
    guard isWord("thin") || isWord("oci") || isWord("oci8"), word.lowerBound >= 7,
      hasPrefix("oracle:", at: word.lowerBound - 7), let at = laterAt(from: index), at > index,
      text(index..<at).contains(UInt8(ascii: "/"))
    else { return }
    hide(index..<at, .userInfo, hasPassword: true)
  }

  /// Hides the user in `user:password@tcp(host:3306)/name`, as Go's MySQL driver takes it. The next character is the one after `@`.
  mutating func hideNetworkAddressUser() {
    guard hasPrefix("tcp(", at: index) || hasPrefix("unix(", at: index) || hasPrefix("cloudsql(", at: index) else {
      return
    }
    let start = max(currentRun, index - 1 - Self.lookahead)
    looked += index - start
    guard start < index - 1, text(start..<index - 1).contains(UInt8(ascii: ":")) else { return }
    hide(start..<index - 1, .userInfo, hasPassword: true)
  }

  /// URLs whose path is a secret: whoever knows it may post there.
  private static let webhooks: [(host: StaticString, paths: [StaticString])] = [
    ("hooks.slack.com", ["services/", "workflows/", "triggers/"]),
    ("hooks.slack-gov.com", ["services/", "workflows/", "triggers/"]),
    ("discord.com", ["api/webhooks/", "api/v10/webhooks/", "api/v9/webhooks/", "api/v8/webhooks/"]),
    ("discordapp.com", ["api/webhooks/"]), ("api.telegram.org", ["bot", "file/bot"]),
    ("outlook.office.com", ["webhook/"]), ("webhook.office.com", ["webhookb2/", "webhook/"]),
  ]

  /// Whether the last word is a host, or one within its domain.
  private func isHost(_ host: StaticString) -> Bool {
    let start = word.upperBound - host.utf8CodeUnitCount
    return start == word.lowerBound && isWord(host)
      || start > word.lowerBound && bytes[start - 1] == UInt8(ascii: ".") && hasPrefix(host, at: start)
  }

  /// Whether the last word ends as a host of ``webhooks`` does: a quick look.
  private var mayBeWebhook: Bool {
    guard word.count >= 11, word.count <= 253 else { return false }
    let last = bytes[word.upperBound - 1] | 0x20
    return last == UInt8(ascii: "m") || last == UInt8(ascii: "g")
  }

  /// Where the slash behind a port ends, if the word before is the host of a webhook. The next character is the one after the colon.
  func portEnd() -> Int? {
    guard mayBeWebhook, Self.webhooks.contains(where: { isHost($0.host) }) else { return nil }
    var position = index
    while position < bytes.count, position - index < 5,
      (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[position])
    {
      position += 1
    }
    guard position > index, position < bytes.count else { return nil }
    let slash = EncodedCharacter(bytes, position)
    return slash.byte == UInt8(ascii: "/") ? slash.end : nil
  }

  /// The separators that the secret part of a webhook's path may have.
  private static let webhookSeparators: [UInt8] = Array("/:@".utf8)

  /// Hides the path of a URL that is a secret itself. The next character is the one after the slash behind the host.
  mutating func hideWebhook(level: Int) {
    guard mayBeWebhook, let webhook = Self.webhooks.first(where: { isHost($0.host) }) else { return }
    for path in webhook.paths {
      guard let start = decodedPrefixEnd(path, at: index) else { continue }
      var end = start
      while end < bytes.count {
        let character = EncodedCharacter(bytes, end)
        if character.level <= level, classes.has(character.byte, ByteClass.separator) {
          // A Telegram bot's token has a colon, an Office webhook an at sign.
          guard Self.webhookSeparators.contains(character.byte) else { break }
        }
        end = character.end
      }
      hide(start..<end, .path)
      return
    }
  }

  /// Where a prefix ends that stands at a position, its characters encoded or not; nil if it does not stand there.
  private func decodedPrefixEnd(_ prefix: StaticString, at start: Int) -> Int? {
    prefix.withUTF8Buffer { prefix in
      var position = start
      for byte in prefix {
        guard position < bytes.count else { return nil }
        let character = EncodedCharacter(bytes, position)
        guard character.byte == byte else { return nil }
        position = character.end
      }
      return position
    }
  }
}
