import SecretPatterns
import Synchronization

/// Hides what spans carry by accident: passwords, tokens and keys in URLs, tags, annotations and names. It is asked for each span
/// before the span is stored, so that no store, search, export or page has seen it.
///
/// Most spans hold no secret. For them it looks at each byte once, and at the keys of tags only where a set of keys is new.
public final class SpanPrivacy: Sendable {
  /// What is hidden.
  public struct Settings: Sendable, Hashable {
    /// Whether anything is hidden.
    public var isEnabled = true
    /// Further keys of parameters in URLs and other texts whose values are hidden.
    public var queryKeys: [String] = []
    /// Further keys of tags whose values are hidden.
    public var tagKeys: [String] = []
    /// Keys of tags and parameters whose values are kept as they are.
    public var keepKeys: [String] = []

    /// The defaults: everything that is known is hidden.
    public init() {}
  }

  /// What is hidden.
  public let settings: Settings
  /// What has been hidden since the start.
  package let report = HiddenReport()
  private let finder: SecretFinder
  private let keySets: Mutex<TwoGenerations<UInt64, KeySet>>

  /// Half the number of sets of keys that are remembered. Beyond it the older half is evicted.
  package static let keySetCapacity = 2_048

  /// How many sets of keys are remembered.
  package var keySetCount: Int { keySets.withLock { $0.count } }

  /// What is known of a set of tags' keys.
  private enum KeySet {
    /// No key says anything about its value.
    case plain
    /// A key names a secret, is kept, or holds a secret itself.
    case special
  }

  /// Makes the rules.
  public init(_ settings: Settings = Settings()) {
    self.settings = settings
    keySets = Mutex(TwoGenerations(capacity: Self.keySetCapacity))
    finder = SecretFinder(
      keys: SecretKeys(
        queryKeys: settings.queryKeys, tagKeys: settings.tagKeys, keptKeys: settings.keepKeys))
  }

  /// A span without its secrets, and what they were.
  package struct HiddenSpan: Sendable {
    /// The span, ``Secret/replacement`` in the place of each secret.
    package var span: Span
    /// What has been replaced, without the secrets.
    package var values: [HiddenValue]
  }

  /// Hides the secrets of a span; nil if it has none.
  package func hiding(_ span: SpanDraft, in bytes: UnsafeRawBufferPointer) -> HiddenSpan? {
    guard settings.isEnabled, mayHoldSecret(span, in: bytes) else { return nil }
    return hiding(Span(span, bytes))
  }

  /// Hides the secrets of a span; nil if it has none.
  package func hiding(_ span: Span) -> HiddenSpan? {
    guard settings.isEnabled else { return nil }
    var hiding = SpanHiding(finder)
    let hidden = hiding.hide(span)
    return hiding.values.isEmpty ? nil : HiddenSpan(span: hidden, values: hiding.values)
  }

  /// Spans without their secrets, for what is shown and not stored.
  package func hidden(_ spans: [Span]) -> [Span] { spans.map { hiding($0)?.span ?? $0 } }

  // MARK: The quick look

  private func mayHoldSecret(_ span: SpanDraft, in bytes: UnsafeRawBufferPointer) -> Bool {
    if holdsSecret(span.name, in: bytes) { return true }
    if let endpoint = span.localEndpoint, holdsSecret(endpoint.serviceName, in: bytes) { return true }
    if let endpoint = span.remoteEndpoint, holdsSecret(endpoint.serviceName, in: bytes) { return true }
    for annotation in span.annotations where holdsSecret(annotation.value, in: bytes) { return true }
    guard !span.tags.isEmpty else { return false }
    // The order of the keys does not matter: in protobuf it differs from span to span.
    var keys: UInt64 = 0
    for tag in span.tags {
      keys &+= TextHash.fold(tag.keyHash ^ 0x5896_5299_9d7b_1a0f, 0x9fb2_1c65_1e98_df25)
    }
    let known = keySets.withLock { $0[keys] }
    switch known ?? learn(keys, of: span, in: bytes) {
    case .special: return true
    case .plain: return span.tags.contains { holdsSecret($0.value, in: bytes) }
    }
  }

  private func holdsSecret(_ text: TextSlice, in bytes: UnsafeRawBufferPointer) -> Bool {
    guard text.count > 2 else { return false }
    return finder.holdsSecret(text.of(bytes))
  }

  private func learn(_ keys: UInt64, of span: SpanDraft, in bytes: UnsafeRawBufferPointer) -> KeySet {
    let isPlain = span.tags.allSatisfy { tag in
      let key = tag.key.of(bytes)
      return finder.keys.verdict(ofTag: key) == .plain && !finder.holdsSecret(key)
    }
    let set: KeySet = isPlain ? .plain : .special
    keySets.withLock { $0.set(set, for: keys) }
    return set
  }
}
