/// The samples of the policy's documentation, tab Kubernetes, as they stand there.
public enum DocumentedSample {
  /// A mesh with a tracing backend.
  public static let mesh = """
    apiVersion: kuma.io/v1alpha1
    kind: Mesh
    metadata:
      name: default
    spec:
      tracing:
        defaultBackend: jaeger-collector
        backends:
        - name: jaeger-collector
          type: zipkin
          sampling: 100.0
          conf:
            url: http://jaeger-collector.kuma-tracing:9411/api/v2/spans
    """

  /// A policy that traces all traffic.
  public static let policy = """
    apiVersion: kuma.io/v1alpha1
    kind: TrafficTrace
    mesh: default
    metadata:
      name: trace-all-traffic
    spec:
      selectors:
      - match:
          kuma.io/service: '*'
      conf:
        backend: jaeger-collector
    """
}
