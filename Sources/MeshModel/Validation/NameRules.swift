/// The rules of names. Source: Kuma 2.7.
public enum NameRules {
  /// Violations of a resource's name when it is created.
  public static func violations(ofNewName name: String, field: String = "name") -> [Violation] {
    if let violation = lengthViolation(name, field) { return [violation] }
    guard !isSubdomain(name) else { return [] }
    return [
      Violation(
        field: field,
        message: "invalid characters. A lowercase RFC 1123 subdomain must consist of lower case alphanumeric "
          + "characters, '-' or '.', and must start and end with an alphanumeric character")
    ]
  }

  /// The warning for a name that older versions allowed and new resources may not have; `nil` for other names. Source:
  /// Kuma 2.7, verbatim.
  public static func warning(ofName name: String) -> String? {
    guard !violations(ofNewName: name).isEmpty else { return nil }
    return "[WARNING] Kuma 2.5.x introduces more strict validation rules for resource name, it must consist of lower "
      + "case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character. You can't CREATE "
      + "resources with invalid names anymore, but it's possible to UPDATE such resources until Kuma 2.7.x is released."
  }

  /// The rule of lengths, which hides the rule of characters.
  private static func lengthViolation(_ name: String, _ field: String) -> Violation? {
    if name.isEmpty { return Violation(field: field, message: "cannot be empty") }
    guard name.utf8.count > 253 else { return nil }
    return Violation(field: field, message: "value length must less or equal 253")
  }

  /// Violations of a mesh's name beyond those of any name: it becomes part of host names.
  public static func violations(ofNewMeshName name: String) -> [Violation] {
    name.utf8.count > 63 ? [Violation(field: "name", message: "cannot be longer than 63 characters")] : []
  }

  /// Violations of the identity that a document gives a resource, wherever it comes from: the API, a bootstrap request, a
  /// proxy's stream.
  ///
  /// - Parameters:
  ///   - type: the type that the document names.
  ///   - key: what the request, or the proxy, says that the document is about.
  ///   - isNew: whether nothing is there yet. A name that already exists is left in peace: older versions allowed more of them.
  ///   - source: where the key stands.
  public static func violations(
    of resource: Resource, type: String, writtenTo key: ResourceKey, isNew: Bool, source: String = "the URL"
  ) -> [Violation] {
    func mismatch(_ field: String) -> Violation {
      Violation(field: field, message: "\(field) from \(source) has to be the same as in body")
    }
    var violations: [Violation] = []
    if resource.name != key.name { violations.append(mismatch("name")) }
    if type != key.type.rawValue { violations.append(mismatch("type")) }
    if key.type.isMeshScoped, resource.mesh != key.mesh { violations.append(mismatch("mesh")) }
    guard isNew else { return violations + Self.violations(ofIdentityOf: resource) }
    violations += Self.violations(ofNewName: resource.name)
    if key.type.isMeshScoped, let violation = violation(ofMesh: resource.mesh) { violations.append(violation) }
    return violations
  }

  /// Violations of a resource's name and mesh by the rules that Kuma's programs check before they send it; a control
  /// plane's are stricter for new resources.
  public static func violations(ofIdentityOf resource: Resource) -> [Violation] {
    [
      identityViolation(resource.name, "name"),
      resource.type.isMeshScoped ? identityViolation(resource.mesh, "mesh") : nil,
    ].compactMap { $0 }
  }

  /// Violations of the mesh and the name of a proxy that is to be started: those of any identity, and a dot in the mesh.
  public static func violations(ofProxy resource: Resource) -> [Violation] {
    let violations = violations(ofIdentityOf: resource)
    guard violations.isEmpty, resource.mesh.contains(".") else { return violations }
    return [
      Violation(
        field: "mesh", message: "cannot hold a dot: Envoy's node id is mesh and name, and the first dot ends the mesh")
    ]
  }

  /// The violation of a mesh that a resource names: an old mesh may have a name that no new one may have.
  public static func violation(ofMesh name: String) -> Violation? { identityViolation(name, "mesh") }

  private static func identityViolation(_ value: String, _ field: String) -> Violation? {
    if let violation = lengthViolation(value, field) { return violation }
    let isValid = value.unicodeScalars.allSatisfy { scalar in
      ("a"..."z").contains(scalar) || ("0"..."9").contains(scalar) || "-_.".unicodeScalars.contains(scalar)
    }
    return isValid
      ? nil
      : Violation(
        field: field,
        message: "invalid characters. Valid characters are numbers, lowercase latin letters and '-', '_', '.' symbols.")
  }

  private static func isSubdomain(_ name: String) -> Bool {
    func isWord(_ byte: UInt8) -> Bool {
      (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }
    return name.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).allSatisfy { label in
      guard let first = label.first, let last = label.last, isWord(first), isWord(last) else { return false }
      return label.allSatisfy { isWord($0) || $0 == UInt8(ascii: "-") }
    }
  }
}
