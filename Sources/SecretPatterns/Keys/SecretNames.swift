/// The lists of keys, by the hashes of ``KeyName``.
struct SecretNames: Sendable {
  /// What a key is.
  struct Role: OptionSet, Sendable {
    let rawValue: UInt8
    /// Its value is a secret wherever it stands.
    static let always = Role(rawValue: 1)
    /// Its value is a secret as a parameter, field or member. A tag of this name may be something else.
    static let pair = Role(rawValue: 2)
    /// As a parameter, field or member its value is a secret if it looks like one.
    static let doubtfulPair = Role(rawValue: 4)
    /// As a tag its value is a secret if it looks like one.
    static let doubtfulTag = Role(rawValue: 8)
    /// It is a header that carries credentials.
    static let header = Role(rawValue: 16)
    /// As a part of a path it leads to a part that may be a secret.
    static let path = Role(rawValue: 32)
    /// Its value is a secret unless it is a number or a folder.
    static let counted = Role(rawValue: 64)
  }

  /// A hash and a role in each slot, the hash 0 in free ones. A hash is in the first free slot from the one that its lowest bits name.
  private let slots: [(hash: UInt64, role: Role)]
  private static let count = 1_024

  static let shared = SecretNames()

  /// The role of a key.
  func role(_ hash: UInt64) -> Role {
    var index = Int(truncatingIfNeeded: hash) & (Self.count - 1)
    while slots[index].hash != 0 {
      if slots[index].hash == hash { return slots[index].role }
      index = (index + 1) & (Self.count - 1)
    }
    return []
  }

  private init() {
    var slots = [(hash: UInt64, role: Role)](repeating: (0, []), count: Self.count)
    for (role, names) in Self.lists {
      for name in names.split(whereSeparator: { $0 == " " || $0 == "\n" }) {
        let hash = KeyName(String(name)).whole
        var index = Int(truncatingIfNeeded: hash) & (Self.count - 1)
        while slots[index].hash != 0, slots[index].hash != hash { index = (index + 1) & (Self.count - 1) }
        slots[index] = (hash, slots[index].role.union(role))
      }
    }
    self.slots = slots
  }

  /// All names of the lists.
  static var names: [Substring] {
    lists.flatMap { $0.1.split(whereSeparator: { $0 == " " || $0 == "\n" }) }
  }

  /// At most half as many names as there are slots.
  private static let lists: [(Role, String)] = [
    (
      .always,
      """
      AWSAccessKeyId X-Amz-Credential X-Amz-Security-Token X-Amz-Signature X-Goog-Signature X-Goog-Credential
      access_key access_key_id access_token account_key api_key api_token app_key auth_key auth_token bearer_token
      client_secret credentials_json csrf csrf_token encryption_key id_token jwt license_key master_key otp otp_code totp
      one_time_password one_time_code mfa_code rediscli_auth pass passcode passphrase passwd password private_key private_token pwd
      refresh_token secret secret_key security_token session_id session_key session_token sessid phpsessid jsessionid
      shared_access_key shared_access_signature shared_key sig signing_key ssh_key subscription_key token xsrf xsrf_token
      webhook_secret
      """
    ),
    (
      .pair,
      "Signature code_verifier assertion client_assertion SAMLResponse SAMLRequest passin passout storepass keypass"
    ), (.counted, "pass pwd sig"),
    (.doubtfulPair, "key code auth sid session credential credentials bearer hmac ticket"),
    (.doubtfulTag, "auth sid session credential credentials bearer signature sig hmac"),
    (
      .header,
      """
      authorization proxy-authorization x-authorization x-forwarded-authorization x-original-authorization cookie cookie2
      set-cookie x-api-key x-auth-token x-access-token x-amz-security-token x-csrf-token x-xsrf-token x-vault-token
      x-gitlab-token x-github-token x-hub-signature x-hub-signature-256 x-slack-signature x-signature x-twilio-signature
      x-shopify-hmac-sha256 stripe-signature x-goog-iam-authorization-token x-goog-api-key ocp-apim-subscription-key
      x-ms-client-principal x-functions-key x-appengine-user-id-token authentication-token
      """
    ),
    (
      .path,
      """
      token tokens access-token password passwords password-reset reset-password forgot-password set-password reset secret
      secrets api-key api-keys activate activation confirm confirmation confirm-email verify verify-email verification
      invite invitation invitations magic magic-link unsubscribe session sessions share-token
      """
    ),
  ]
}
