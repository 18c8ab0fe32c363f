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
