/// The rules of names. Source: Kuma 2.7.
public enum NameRules {
  /// Violations of a resource's name when it is created.
  public static func violations(ofNewName name: String, field: String = "name") -> [Violation] {
    if name.isEmpty { return [Violation(field: field, message: "cannot be empty")] }
    var violations: [Violation] = []
    if name.utf8.count > 253 {
      violations.append(Violation(field: field, message: "value length must less or equal 253"))
    }
    if !isSubdomain(name) {
      violations.append(
        Violation(
          field: field,
          message: "invalid characters. A lowercase RFC 1123 subdomain must consist of lower case alphanumeric "
            + "characters, '-' or '.', and must start and end with an alphanumeric character"))
    }
    return violations
  }

  /// Violations of a mesh's name beyond those of any name: it becomes part of host names.
  public static func violations(ofNewMeshName name: String) -> [Violation] {
    name.utf8.count > 63 ? [Violation(field: "name", message: "cannot be longer than 63 characters")] : []
  }

  /// Violations of a resource's name and mesh by the rules that Kuma's programs check before they send it; a control
  /// plane's are stricter for new resources.
  public static func violations(ofIdentityOf resource: Resource) -> [Violation] {
    func check(_ field: String, _ value: String, _ symbols: String) -> Violation? {
      guard !value.isEmpty else { return Violation(field: field, message: "cannot be empty") }
      let isValid = value.unicodeScalars.allSatisfy { scalar in
        ("a"..."z").contains(scalar) || ("0"..."9").contains(scalar) || symbols.unicodeScalars.contains(scalar)
      }
      let list = symbols.map { "'\($0)'" }.joined(separator: ", ")
      return isValid
        ? nil
        : Violation(
          field: field,
          message: "invalid characters. Valid characters are numbers, lowercase latin letters and \(list) symbols.")
    }
    return [
      check("name", resource.name, "-_."), resource.type.isMeshScoped ? check("mesh", resource.mesh, "-_") : nil,
    ].compactMap { $0 }
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
