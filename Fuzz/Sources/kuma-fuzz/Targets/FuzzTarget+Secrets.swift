import SecretPatterns
import TraceModel

extension FuzzTarget {
  /// Texts in which secrets are hidden.
  static let secrets: [FuzzTarget] = [
    FuzzTarget(
      "hiding", "texts of spans: what is found lies within the text, and what is hidden behind any text stays hidden",
      samples: ["GET https://ada:password@example.com/?access_token=abc#id_token=x"]
    ) { bytes in
      let finder = SecretFinder()
      let found = bytes.withUnsafeBytes { finder.secrets(in: $0) }
      var end = 0
      for secret in found {
        require(secret.range.lowerBound >= end && !secret.range.isEmpty, "the secrets overlap: \(found)")
        require(secret.range.upperBound <= bytes.count, "a secret goes beyond the text: \(found)")
        end = secret.range.upperBound
      }
      // Whatever comes before it in a text of its own line, a password in a URL and the value of a known key are found.
      let text = String(decoding: bytes, as: UTF8.self)
      require(finder.work(on: text) <= 80 * text.utf8.count + 8_192, "the search looks at too much of a text")
      for (behind, secret) in [
        ("\nhttps://ada:hunter22word@shop.example/cart", "hunter22word"),
        ("\nhttps://shop.example/cart?access_token=hunter33word", "hunter33word"),
      ] where !text.contains(secret) {
        let hidden = finder.hiding(text + behind)?.text ?? text + behind
        require(!hidden.contains(secret), "a secret is shown behind \(text)")
      }
      var span = Span(traceID: TraceID(low: 1), id: 1)
      span.name = text
      span.tags = [Span.Tag("http.url", text), Span.Tag(text, "value"), Span.Tag("authorization", "hunter44word")]
      let shown = SpanPrivacy().hiding(span)?.span
      require(shown?.tags.contains { $0.value == "hunter44word" } == false, "a header with a password is shown")
      return found.count
    }
  ]
}
