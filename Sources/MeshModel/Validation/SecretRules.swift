/// The rules of the data of secrets. Their messages never contain it.
enum SecretRules {
  /// Every violation of the rules of secrets.
  static func violations(_ data: [UInt8]) -> [Violation] {
    if data.isEmpty {
      return [
        Violation(
          field: SecretData.field,
          message:
            "cannot be empty; the data of a secret is never shown, so a document that was read has to get it again")
      ]
    }
    guard data.count <= limit else {
      return [Violation(field: SecretData.field, message: "may have at most \(limit) bytes, not \(data.count)")]
    }
    return []
  }

  /// The largest secret, in bytes. Source: the limit of a Secret in Kubernetes.
  static let limit = 1_048_576
}
