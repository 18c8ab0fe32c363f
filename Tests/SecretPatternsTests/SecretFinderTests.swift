import SecretPatterns
import Testing
import TraceTestSupport

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

  @Test("A text in which something was hidden grows within a bound, and is hidden in one pass")
  func bounds() {
    let pieces = [
      "pwd=x&", "key=", "//a:b@", "http://a:b/", "@tcp(", "curl -u ", "password: x ", "\"token\":\"", "%2525253D",
      "bearer ",
      "-----BEGIN PRIVATE KEY-----", "eyJhbGciOi.", "thin:a/", "hooks.slack.com/services/", "Authorization: ",
      "key=\"key=%22",
    ]
    for piece in pieces {
      let text = String(repeating: piece, count: 100_000 / piece.utf8.count)
      let hidden = finder.hiding(text)
      let bytes = hidden?.text.utf8.count ?? 0
      #expect(bytes <= 4 * text.utf8.count, "\(piece)")
    }
  }
}
