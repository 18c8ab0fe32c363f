/// What the injector writes into pods, as far as an operator decides it. The defaults are Kuma's, but for what is not here: the
/// sidecar answers no DNS questions.
package struct InjectorSettings: Sendable, Hashable {
  /// How often and how long the kubelet probes the sidecar, in seconds and in times.
  package struct Probe: Sendable, Hashable {
    package var initialDelaySeconds: Int
    package var timeoutSeconds: Int
    package var periodSeconds: Int
    package var successThreshold: Int
    package var failureThreshold: Int

    /// Makes the bounds of a probe. Kuma's are the defaults.
    package init(
      initialDelaySeconds: Int = 1, timeoutSeconds: Int = 3, periodSeconds: Int = 5, successThreshold: Int = 1,
      failureThreshold: Int = 12
    ) {
      self.initialDelaySeconds = initialDelaySeconds
      self.timeoutSeconds = timeoutSeconds
      self.periodSeconds = periodSeconds
      self.successThreshold = successThreshold
      self.failureThreshold = failureThreshold
    }
  }

  /// Processor and memory of the sidecar.
  package struct Resources: Sendable, Hashable {
    package var cpu: Quantity
    package var memory: Quantity

    /// Makes an amount of both.
    package init(cpu: Quantity, memory: Quantity) {
      self.cpu = cpu
      self.memory = memory
    }
  }

  // MARK: The control plane

  /// Where the sidecar finds the control plane.
  package var controlPlaneURL = "https://kuma-control-plane.kuma-system:5678"
  /// The certificates that the sidecar trusts, in PEM form; empty for those of its image.
  package var controlPlaneCertificates = ""
  /// Whether the control plane serves only sidecars that show a token of their pod.
  package var needsToken = true

  // MARK: Containers

  /// The image of the sidecar.
  package var sidecarImage = "kuma-dp"
  /// The image of the container that sets redirection up.
  package var initImage = "kuma-init"
  /// The user of the sidecar.
  package var userID: Int64 = 5678
  /// The group of the sidecar.
  package var groupID: Int64 = 5678
  /// The port of Envoy's administration.
  package var adminPort: UInt16 = 9901
  /// How long the sidecar drains its connections when the pod ends.
  package var drainTime = Duration.seconds(30)
  package var liveness = Probe(initialDelaySeconds: 60)
  package var readiness = Probe()
  /// Only for sidecars that are init containers.
  package var startup = Probe()
  package var requests = Resources(cpu: "50m", memory: "64Mi")
  package var limits = Resources(cpu: "1000m", memory: "512Mi")
  /// Further environment variables of the sidecar, which go before the injector's own.
  package var environment: [String: String] = [:]
  /// Whether the application's containers start when the sidecar is ready.
  package var waitsForDataplane = false
  /// Whether the sidecar is an init container that goes on running. The API server has to know those (1.29).
  package var usesSidecarContainers = false

  // MARK: Traffic

  /// The port to which incoming connections are redirected.
  package var inboundPort: UInt16 = 15006
  /// The port to which outgoing connections are redirected.
  package var outboundPort: UInt16 = 15001
  /// Which IP families are redirected: `dualstack` or `ipv4`.
  package var ipFamilyMode = "dualstack"
  /// Ports whose incoming connections are not redirected, where the pod says nothing of it.
  package var excludedInboundPorts: [UInt16] = []
  /// Ports to which outgoing connections are not redirected, where the pod says nothing of it.
  package var excludedOutboundPorts: [UInt16] = []
  /// Whether HTTP probes are served by the sidecar, where the pod says nothing of it.
  package var virtualProbes = true
  /// The port of the sidecar for probes, where the pod says nothing of it.
  package var virtualProbesPort: UInt16 = 9000

  // MARK: Exceptions

  /// Pods with one of these labels get no sidecar. A value `*` stands for any.
  package var exceptionLabels = ["openshift.io/build.name": "*", "openshift.io/deployer-pod-for.name": "*"]

  /// Makes the default settings.
  package init() {}
}
