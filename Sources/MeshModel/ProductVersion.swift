/// What this program is called and which version it is.
public enum ProductVersion {
  /// The name that Kuma's clients expect of a control plane.
  public static let product = "Kuma"
  /// The version of every program of this project.
  public static let current = "0.1.0"
}
