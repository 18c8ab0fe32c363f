import Testing
import TraceTestSupport

@testable import SecretPatterns

/// Secrets in texts.
@Suite("Secrets in texts")
struct SecretFinderTests {
  private let finder = SecretFinder()

  @Test("are found by their keys and their forms, and stay hidden", arguments: SecretSamples.inTexts)
  func samples(sample: SecretSamples.Sample) throws {
    let hidden = try #require(finder.hiding(sample.value))
    #expect(hidden.text == sample.hidden)
    #expect(finder.hiding(hidden.text) == nil)
  }

  @Test("Harmless texts stay as they are", arguments: SecretSamples.harmless)
  func harmless(key: String, value: String) {
    #expect(finder.hiding(value) == nil)
    #expect(finder.hiding(key) == nil)
  }

  /// What texts of the worst kind repeat: beginnings of everything that is looked for ahead.
  private static let pieces = [
    "pwd=x&", "key=", "//a:b@", "http://a:b/", "@tcp(", "curl -u ", "password: x ", "\"token\":\"", "%2525253D",
    "bearer ", "-----BEGIN PRIVATE KEY-----", "-----begin ", "-----begin%20private ", "eyJhbGciOi.", "eyJ", "xeyJeyJ",
    "thin:a/", "oracle:thin:", "hooks.slack.com/services/", "hooks.slack.com:1/", "Authorization: ", "cookie: a=\"b",
    "key=\"key=%22", "--token/", "--token,", "--token=", "-u/", "-u=", "-u,", "-su ", "curl -u/", "code=/+", "pwd=x ",
    "pwd=x %61", "%70%77%64%3Dx%20", "%25", "token=[", "token[0", "token[]=", ":%2F%2Fa", "//a", "password={", "a b=c ",
    "{\"name\":\"token\",", "\"cookie\",\"", "\"cookie\",'", "token eyJ", "“", "basic 1/", "token/", "secret;", "\\\"",
    "session-id-password.", "=\\", "bearer+a", "mysql -p", "mysql -p'", "docker login ", "sshpass -p ",
    "redis-cli -a '", "-p ",
    "create user identified by ", "identified by '", "by '", "password '", "password('", "<token>", "<token><a>",
    "</token>", "<a>", "<![CDATA[", "<token><![CDATA[", "name=\"token\">", "token={", "\"token\":{", "\"token\":[",
    "\"token\":{\"", "\"token\":1", "\"token\":[\"", "pwd=a;;", "pwd=\\;", "pwd='a''", "http:/a:", "http:///",
    "xoxd-1%2B",
    "-password ", "token1=", "\\/\\/", "%3Ctoken%3E", "a:<b:token>", "pwd=N'", "token=\\\"{",
  ]

  @Test("A text in which something was hidden grows within a bound")
  func growth() {
    for piece in Self.pieces {
      let text = String(repeating: piece, count: 100_000 / piece.utf8.count)
      let hidden = finder.hiding(text)
      let bytes = hidden?.text.utf8.count ?? 0
      #expect(bytes <= 4 * text.utf8.count, "\(piece)")
    }
  }

  @Test("The bytes that are looked at grow with the length of the text, whatever is in it")
  func work() {
    for piece in Self.pieces {
      let counts = [10_000, 20_000].map { length in
        finder.work(on: "=" + String(repeating: piece, count: length / piece.utf8.count))
      }
      #expect(counts[0] <= 50 * 10_000, "\(piece): \(counts)")
      #expect(counts[1] <= 2 * counts[0] + 10_000, "\(piece): \(counts)")
    }
    for first in ["curl ", "<a>", "create "] + Self.pieces {
      for piece in Self.pieces {
        let counts = [1_500, 3_000].map { length in
          finder.work(on: first + String(repeating: piece, count: length / piece.utf8.count))
        }
        guard counts[0] > 50 * 1_500 || counts[1] > 2 * counts[0] + 5_000 else { continue }
        Issue.record("\(first)\(piece): \(counts)")
      }
    }
  }

  @Test("Escapes of ever more levels cost no more")
  func levels() {
    var text = "="
    var level = 0
    while text.utf8.count < 40_000 {
      text += ":%" + String(repeating: "25", count: level) + "2F%" + String(repeating: "25", count: level) + "2Fa"
      level += 1
    }
    #expect(finder.work(on: text) <= 50 * text.utf8.count)
  }

  @Test("Beyond the limit of what is looked at, the rest of a text is hidden")
  func limit() {
    let text = Array("a=1 code=abcdefgh code=abcdefgh b=2 password=s3cret".utf8)
    text.withUnsafeBytes { bytes in
      var scan = SecretScan(bytes, SecretKeys(), limit: 12)
      scan.run()
      #expect(scan.secrets.count == 1 && scan.secrets.last?.range.upperBound == bytes.count)
      #expect(HiddenText(bytes, scan.secrets).text.hasPrefix("a=1 code=abcdefgh code=REDACTED"))
    }
  }

  @Test("What is beyond the longest text is hidden unread")
  func longest() throws {
    let text = String(repeating: "a b=c ", count: SecretFinder.longestText / 6 + 100)
    let hidden = try #require(finder.hiding(text))
    #expect(hidden.secrets.count == 1)
    #expect(hidden.text.utf8.count == SecretFinder.longestText + "REDACTED".utf8.count)
    #expect(finder.work(on: text) <= text.utf8.count + SecretFinder.longestText)
  }
}
