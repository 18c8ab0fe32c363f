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
    /// The value is secret.
    case secret
    /// The settings say that the value is kept, whatever it is.
    case kept
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
    let name = KeyName(key)
    if !keptKeys.isEmpty, name.isIn(keptKeys) { return .kept }
    if !tagKeys.isEmpty, name.isIn(tagKeys) { return .secret }
    if SecretNames.doubtfulTags.contains(name.last) { return .doubtful }
    return verdict(name)
  }

  /// What the key of a pair within a text says about its value. Escapes such as `%5F` count as what they stand for.
  package func verdict(ofPair key: UnsafeRawBufferPointer) -> Verdict {
    let name = KeyName(key)
    if !keptKeys.isEmpty, name.isIn(keptKeys) { return .kept }
    if !queryKeys.isEmpty, name.isIn(queryKeys) { return .secret }
    if SecretNames.doubtfulPairs.contains(name.last) { return .doubtful }
    if SecretNames.pairs.contains(name.last) { return .secret }
    return verdict(name)
  }

  /// Whether a key names a header that carries credentials, so that all of its line is secret.
  func isHeader(_ key: UnsafeRawBufferPointer) -> Bool { SecretNames.headers.contains(KeyName(key).last) }

  /// Whether the part of a path after this one is secret if it looks so.
  func leadsToSecret(_ part: UnsafeRawBufferPointer) -> Bool { SecretNames.pathParts.contains(KeyName(part).whole) }

  private func verdict(_ name: KeyName) -> Verdict {
    if SecretNames.always.contains(name.last) || SecretNames.headers.contains(name.last) { return .secret }
    return name.hasSecretWord && !name.isAboutSecret ? .secret : .plain
  }
}

/// The lists of keys, as hashes of ``KeyName``.
enum SecretNames {
  private static func hashes(_ names: String) -> Set<UInt64> {
    Set(names.split { $0 == " " || $0 == "\n" }.map { KeyName(String($0)).whole })
  }

  /// Keys whose value is a secret wherever they stand.
  static let always = hashes(
    """
    AWSAccessKeyId X-Amz-Credential X-Amz-Security-Token X-Amz-Signature X-Goog-Signature X-Goog-Credential
    access_key access_key_id access_token account_key api_key api_token app_key auth_key auth_token bearer_token
    client_secret credentials_json csrf csrf_token encryption_key id_token jwt license_key master_key otp otp_code totp
    one_time_password one_time_code mfa_code pass passcode passphrase passwd password private_key private_token pwd
    refresh_token secret secret_key security_token session_id session_key session_token sessid phpsessid jsessionid
    shared_access_key shared_access_signature shared_key sig signing_key ssh_key subscription_key token xsrf xsrf_token
    webhook_secret
    """)

  /// Keys of parameters, fields and members whose value is a secret. A tag of this name may be something else.
  static let pairs = hashes("Signature code_verifier assertion client_assertion SAMLResponse SAMLRequest")

  /// Keys of pairs whose value is a secret if it looks like one.
  static let doubtfulPairs = hashes("key code auth sid session credential credentials bearer hmac ticket")

  /// Keys of tags whose value is a secret if it looks like one.
  static let doubtfulTags = hashes("auth sid session credential credentials bearer signature sig hmac")

  /// Headers that carry credentials.
  static let headers = hashes(
    """
    authorization proxy-authorization x-authorization x-forwarded-authorization x-original-authorization cookie cookie2
    set-cookie x-api-key x-auth-token x-access-token x-amz-security-token x-csrf-token x-xsrf-token x-vault-token
    x-gitlab-token x-github-token x-hub-signature x-hub-signature-256 x-slack-signature x-signature x-twilio-signature
    x-shopify-hmac-sha256 stripe-signature x-goog-iam-authorization-token x-goog-api-key ocp-apim-subscription-key
    x-ms-client-principal x-functions-key x-appengine-user-id-token authentication-token
    """)

  /// Parts of paths after which a secret may come, such as `/reset-password/…`.
  static let pathParts = hashes(
    """
    token tokens access-token password passwords password-reset reset-password forgot-password set-password reset secret
    secrets api-key api-keys apikey activate activation confirm confirmation confirm-email verify verify-email verification
    invite invitation invitations magic magic-link magiclink unsubscribe session sessions share-token
    """)
}
