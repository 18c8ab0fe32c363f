/// What this project's `kuma-dp` tells a control plane beyond Kuma's own fields, where Kuma lets operators add to them.
public enum ProxyMetadata {
  /// How long the listeners of the proxy drain, as Go writes it: `30s`.
  public static let drainTime = "kuma-trace.io/drain-time"
}
