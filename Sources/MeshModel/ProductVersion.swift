/// What this program is called and which version it is.
public enum ProductVersion {
  /// The name that Kuma's clients expect of a control plane.
  public static let product = "Kuma"
  /// The name of this project, by which its programs are told from Kuma's own.
  public static let name = "kuma-trace"

  /// How a program of this project names itself to servers: `kumactl/1.2.0 (kuma-trace)`.
  public static func userAgent(of program: String) -> String { "\(program)/\(current) (\(name))" }

  /// The version of every program of this project.
  public static let current = "0.2.0"
}
