/// Which keys name a secret: keys of tags, of parameters in URLs, of members in JSON, of fields in connection strings and headers.
///
/// Keys are compared without regard to case, `-` and `_`, and parts that dots separate are looked at from the end. The list contains
/// the one of OpenTelemetry's semantic conventions for `url.full` and `url.query` (version 1.44.0,
/// https://opentelemetry.io/docs/specs/semconv/registry/attributes/url/), which are compared there with regard to case.
package struct SecretKeys: Sendable {
  /// What a key says about its value.
  package enum Verdict: Sendable, Hashable {
    /// The value is none of our business.
    case plain
    /// The value is secret if it looks like one: `key`, `code`, `session`.
    case doubtful
    /// The value is secret, unless it is a number or a folder as ``SecretKeys/isCount(_:)`` says: `pass`, `pwd`.
    case counted
    /// The value is secret.
    case secret
    /// The settings say that the value is kept, whatever it is.
    case kept

    /// Whether the value is secret if it is one at all.
    var isSecret: Bool { self == .secret || self == .counted }
  }

  private let queryKeys: Set<UInt64>
  private let tagKeys: Set<UInt64>
  private let keptKeys: Set<UInt64>

  /// Makes the rules.
  ///
  /// - Parameters:
  ///   - queryKeys: further keys of parameters whose values are secret.
  ///   - tagKeys: further keys of tags whose values are secret.
  ///   - keptKeys: keys of tags and parameters whose values are kept.
  package init(queryKeys: [String] = [], tagKeys: [String] = [], keptKeys: [String] = []) {
    self.queryKeys = Set(queryKeys.map { KeyName($0).whole })
    self.tagKeys = Set(tagKeys.map { KeyName($0).whole })
    self.keptKeys = Set(keptKeys.map { KeyName($0).whole })
  }

  /// What the key of a tag says about the tag's value.
  package func verdict(ofTag key: UnsafeRawBufferPointer) -> Verdict {
    if tagKeys.isEmpty, keptKeys.isEmpty, !KeyFilter.shared.mayBeSecret(key) { return .plain }
    let name = KeyName(key)
    if !keptKeys.isEmpty, name.isIn(keptKeys) { return .kept }
    if !tagKeys.isEmpty, name.isIn(tagKeys) { return .secret }
    let role = SecretNames.shared.role(name.last)
    if role.contains(.doubtfulTag) { return .doubtful }
    return verdict(name, role)
  }

  /// What the key of a pair within a text says about its value. Escapes such as `%5F` count as what they stand for.
  package func verdict(ofPair key: UnsafeRawBufferPointer) -> Verdict {
    if queryKeys.isEmpty, keptKeys.isEmpty, !KeyFilter.shared.mayBeSecret(key) { return .plain }
    let name = KeyName(key)
    if !keptKeys.isEmpty, name.isIn(keptKeys) { return .kept }
    if !queryKeys.isEmpty, name.isIn(queryKeys) { return .secret }
    let role = SecretNames.shared.role(name.last)
    if role.contains(.doubtfulPair) { return .doubtful }
    if role.contains(.pair) { return .secret }
    return verdict(name, role)
  }

  /// Whether a key names a header that carries credentials, so that all of its line is secret.
  func isHeader(_ key: UnsafeRawBufferPointer) -> Bool {
    SecretNames.shared.role(KeyName(key).last).contains(.header)
  }

  /// Whether the part of a path after this one is secret if it looks so.
  func leadsToSecret(_ part: UnsafeRawBufferPointer) -> Bool {
    SecretNames.shared.role(KeyName(part).whole).contains(.path)
  }

  private func verdict(_ name: KeyName, _ role: SecretNames.Role) -> Verdict {
    if role.contains(.counted) { return name.isOfTests ? .plain : .counted }
    if role.contains(.always) || role.contains(.header) { return .secret }
    return name.hasSecretWord && !name.isAboutSecret ? .secret : .plain
  }

  /// Whether a text is a number of things or a folder, so that `pass` and `pwd` do not mean a password.
  package static func isCount(_ text: UnsafeRawBufferPointer) -> Bool {
    guard let first = text.first else { return false }
    if text.count <= 4, text.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) { return true }
    let isFolder =
      first == UInt8(ascii: "/")
      || text.count > 2 && text[1] == UInt8(ascii: ":") && text[2] == UInt8(ascii: "\\")
    return isFolder && !SecretLooks(text).isRandom
      && text.allSatisfy { ByteClasses.shared.has($0, ByteClass.word) || "/\\: ".utf8.contains($0) }
  }
}
