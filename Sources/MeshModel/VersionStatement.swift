#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// What the programs print of their version. A pipe gets what Kuma's programs print, since clients compare it; a person at a terminal
/// also reads whose program it is.
public enum VersionStatement {
  /// Whether a person reads standard output at a terminal.
  public static var isOnTerminal: Bool { isatty(STDOUT_FILENO) == 1 }

  /// The sentence that tells a program of this project from Kuma's of the same name.
  public static func identity(of program: String) -> String {
    "This is the \(program) of \(ProductVersion.name), which works with Kuma's programs too."
  }

  /// Product and version in a line, such as `Kuma 1.2.0`; at a terminal with the ``identity(of:)``.
  public static func line(of program: String) -> String {
    let line = "\(ProductVersion.product) \(ProductVersion.current)"
    return isOnTerminal ? "\(line)\n\(identity(of: program))" : line
  }

  /// What is known of the build, in lines without an end of the last one; at a terminal with the ``identity(of:)``, and without a
  /// commit that is not known.
  public static func details(of program: String) -> String {
    """
    Product:       \(ProductVersion.product)
    Version:       \(ProductVersion.current)
    Git Tag:       \(ProductVersion.current)
    \(isOnTerminal ? "" : "Git Commit:    \(BuildRecord.commit)\n")Build Date:    \(BuildRecord.date)\
    \(isOnTerminal ? "\n\(identity(of: program))" : "")
    """
  }
}
