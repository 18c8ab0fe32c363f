import MeshModel
import OrderedCollections

extension DocumentValue {
  /// An Envoy configuration without what is secret in it, as far as Envoy itself has not masked it: the proxy's token in the headers
  /// of its requests to the control plane and in its node's metadata, values of headers that carry credentials, private keys, tokens
  /// and passwords that stand in the text, and the secrets of URLs.
  var withoutEnvoySecrets: DocumentValue { masked(isSecret: false) }

  /// What Kuma writes.
  private static let mask: DocumentValue = "[redacted]"

  /// - Parameter isSecret: whether texts of a data source here are secret.
  private func masked(isSecret: Bool) -> DocumentValue {
    switch self {
    case .array(let items): return .array(items.map { $0.masked(isSecret: isSecret) })
    case .object(let object):
      let isCredential = Self.isCredentialHeader(object["key"]?.string)
      return .object(
        Object(
          uniqueKeysWithValues: object.map { key, value in
            let isValue = key == "value" || key == "raw_value"
            let hides =
              key == "dataplane.token" || isCredential && isValue
              || isSecret && ["inline_string", "inline_bytes"].contains(key)
            if hides, value.string != nil { return (key, Self.mask) }
            return (key, value.masked(isSecret: isSecret || Self.secretSources.contains(key)))
          }))
    case .string(let text):
      let masked = Redaction.masked(text: text)
      return masked == text ? self : .string(masked)
    case .null, .bool, .integer, .number: return self
    }
  }

  /// Fields whose data sources are secret. Source: the API of Envoy 1.40.
  private static let secretSources: Set<String> = [
    "private_key", "password", "pkcs12", "generic_secret", "session_ticket_keys", "token_secret", "hmac_secret",
  ]

  private static func isCredentialHeader(_ name: String?) -> Bool {
    guard let name = name?.lowercased() else { return false }
    return ["authorization", "proxy-authorization", "cookie"].contains(name)
  }
}
