/// What this project's `kuma-dp` tells a control plane beyond Kuma's own fields, where Kuma lets operators add to them.
public enum ProxyMetadata {
  /// How long the listeners of the proxy drain, as Go writes it: `30s`.
  public static let drainTime = "kuma-trace.io/drain-time"
  /// How long the listeners of a proxy drain that does not say so. Source: `kuma-dp run --help` of Kuma 2.7.
  package static let usualDrainTime = Duration.seconds(30)
  /// Present if Envoy takes the size and the interval of its reports of spans from the control plane.
  public static let reportRuntime = "kuma-trace.io/report-runtime"
  /// A feature of a `kuma-dp` that tells what its Envoy counts, or that is told not to. Envoy itself is then not asked for it.
  package static let evidence = "kuma-trace.io/evidence"
}
