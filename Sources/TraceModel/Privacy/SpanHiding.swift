package import SecretPatterns

/// What was hidden in one place of a span, without the secret.
package struct HiddenValue: Sendable, Hashable {
  /// The service that reported the span; empty if unknown.
  package var service: String
  /// The key of the tag, or `(name)`, `(annotation)`, `(service)`, `(remote service)`, `(key of a tag)`.
  package var place: String
  /// The key whose value was hidden, such as `access_token`; for a whole tag its key; empty if the secret has no key.
  package var key: String
  /// The kind of the secret.
  package var kind: Secret.Kind
  /// The name of the kind, such as `user_info`.
  package var kindName: String { kind.rawValue }
}

/// Hides the secrets of one span.
struct SpanHiding {
  private let finder: SecretFinder
  private(set) var values: [HiddenValue] = []
  /// Names are shown up to this number of bytes.
  private static let nameBytes = 80

  init(_ finder: SecretFinder) { self.finder = finder }

  mutating func hide(_ span: Span) -> Span {
    var result = span
    result.name = hide(span.name, "(name)")
    if let name = span.localEndpoint?.serviceName { result.localEndpoint?.serviceName = hide(name, "(service)") }
    if let name = span.remoteEndpoint?.serviceName {
      result.remoteEndpoint?.serviceName = hide(name, "(remote service)")
    }
    for (index, annotation) in span.annotations.enumerated() {
      result.annotations[index].value = hide(annotation.value, "(annotation)")
    }
    var isKeyChanged = false
    for (index, tag) in span.tags.enumerated() {
      result.tags[index].value = hideValue(of: tag)
      let key = hide(tag.key, "(key of a tag)")
      isKeyChanged = isKeyChanged || key != tag.key
      result.tags[index].key = key
    }
    if isKeyChanged {
      // The keys of a span are unique.
      var known: Set<String> = []
      result.tags = result.tags.filter { known.insert($0.key).inserted }
    }
    for index in values.indices { values[index].service = Self.shown(result.serviceName) }
    return result
  }

  private mutating func hideValue(of tag: Span.Tag) -> String {
    switch Self.with(tag.key, finder.keys.verdict(ofTag:)) {
    case .kept: return tag.value
    case .secret where !Self.isNoSecret(tag.value): return hideWhole(tag)
    case .counted where !Self.isNoSecret(tag.value) && !Self.with(tag.value, SecretKeys.isCount): return hideWhole(tag)
    case .doubtful where Self.with(tag.value, SecretFinder.looksSecret): return hideWhole(tag)
    case .plain where tag.key.hasPrefix(Self.link): return hideInLink(tag)
    case .secret, .counted, .doubtful, .plain: return hide(tag.value, tag.key)
    }
  }

  private static let link = "otlp.link."

  /// Hides secrets in `trace|span|state|{attributes}|flags`, as links of OpenTelemetry are stored: what is in one part ends with it.
  private mutating func hideInLink(_ tag: Span.Tag) -> String {
    let parts = tag.value.split(separator: "|", maxSplits: 2, omittingEmptySubsequences: false)
    guard parts.count == 3, let attributes = parts[2].firstRange(of: "|{"), let flags = parts[2].lastIndex(of: "|"),
      attributes.lowerBound < flags
    else { return hide(tag.value, tag.key) }
    let (state, rest) = (parts[2][..<attributes.lowerBound], parts[2].index(after: attributes.lowerBound)..<flags)
    let texts = [parts[0], parts[1], state, parts[2][rest], parts[2][parts[2].index(after: flags)...]]
    return texts.map { hide(String($0), tag.key) }.joined(separator: "|")
  }

  /// Values of secret tags that say nothing: whether there is a secret, or that it is hidden already.
  private static func isNoSecret(_ value: String) -> Bool {
    ["", "-", "true", "false", "null", "nil", "none", Secret.replacement].contains(value)
      || value.utf8.allSatisfy { $0 == UInt8(ascii: "*") }
  }

  private mutating func hideWhole(_ tag: Span.Tag) -> String {
    let key = Self.shown(finder.hiding(tag.key)?.text ?? tag.key)
    values.append(HiddenValue(service: "", place: key, key: key, kind: .tag))
    return Secret.replacement
  }

  private mutating func hide(_ text: String, _ place: String) -> String {
    guard let hidden = finder.hiding(text) else { return text }
    let bytes = text.utf8
    let place = Self.shown(finder.hiding(place)?.text ?? place)
    for secret in hidden.secrets {
      let key = secret.key.flatMap { range in
        String(
          bytes[
            bytes.index(
              bytes.startIndex, offsetBy: range.lowerBound)..<bytes.index(
                bytes.startIndex, offsetBy: range.upperBound)])
      }
      values.append(
        HiddenValue(
          service: "", place: place, key: Self.shown(key ?? ""), kind: secret.kind))
    }
    return hidden.text
  }

  private static func with<Result>(_ text: String, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    var text = text
    return text.withUTF8 { body(UnsafeRawBufferPointer($0)) }
  }

  private static func shown(_ name: String) -> String {
    guard name.utf8.count > nameBytes else { return name }
    return String(decoding: name.utf8.prefix(nameBytes), as: UTF8.self) + "…"
  }
}
