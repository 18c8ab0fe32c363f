/// The annotations of pods that are read or written here. `mesh` also counts on namespaces. Source: Kuma 2.7.
package enum PodAnnotation: String, Sendable, CaseIterable {
  // MARK: Which proxy
  /// The mesh of the pod.
  case mesh = "kuma.io/mesh"
  /// What kind of gateway the pod is: a truth value, `provided` or `builtin`.
  case gateway = "kuma.io/gateway"
  /// The tags of a builtin gateway, in JSON.
  case tags = "kuma.io/tags"
  /// Whether the pod is the ingress of a zone.
  case ingress = "kuma.io/ingress"
  /// The address of an ingress for other zones.
  case ingressPublicAddress = "kuma.io/ingress-public-address"
  /// The port of an ingress for other zones.
  case ingressPublicPort = "kuma.io/ingress-public-port"
  /// Whether the pod is the egress of a zone.
  case egress = "kuma.io/egress"

  // MARK: What the injection writes, besides others
  /// Whether a sidecar was injected.
  case sidecarInjected = "kuma.io/sidecar-injected"
  /// The user of the sidecar, whose connections are not redirected.
  case sidecarUID = "kuma.io/sidecar-uid"
  /// Whether connections are redirected to the sidecar.
  case transparentProxying = "kuma.io/transparent-proxying"
  /// The port to which incoming connections are redirected.
  case inboundPort = "kuma.io/transparent-proxying-inbound-port"
  /// The same for IPv6, where it is another one.
  case inboundPortV6 = "kuma.io/transparent-proxying-inbound-v6-port"
  /// The port to which outgoing connections are redirected.
  case outboundPort = "kuma.io/transparent-proxying-outbound-port"
  /// Which IP families are redirected: `dualstack` or `ipv4`.
  case ipFamilyMode = "kuma.io/transparent-proxying-ip-family-mode"

  // MARK: The sidecar
  /// The port of Envoy's administration.
  case envoyAdminPort = "kuma.io/envoy-admin-port"
  /// Envoy's log level.
  case envoyLogLevel = "kuma.io/envoy-log-level"
  /// The log levels of Envoy's components.
  case envoyComponentLogLevel = "kuma.io/envoy-component-log-level"
  /// Environment variables of the sidecar, as a map.
  case sidecarEnvironment = "kuma.io/sidecar-env-vars"
  /// How many worker threads the Envoy has; 0 for one for each processor.
  case sidecarConcurrency = "kuma.io/sidecar-proxy-concurrency"
  /// How long the sidecar drains its connections when the pod ends.
  case sidecarDrainTime = "kuma.io/sidecar-drain-time"
  /// The volume with the token of the service account.
  case tokenVolume = "kuma.io/service-account-token-volume"
  /// Whether the application's containers start when the sidecar is ready.
  case waitForDataplaneReady = "kuma.io/wait-for-dataplane-ready"
  /// Whether redirection is set up before the other init containers run.
  case initFirst = "kuma.io/init-first"
  /// Names of ContainerPatches, as a list.
  case containerPatches = "kuma.io/container-patches"

  // MARK: Probes
  /// Whether HTTP probes are served by the sidecar.
  case virtualProbes = "kuma.io/virtual-probes"
  /// The port of the sidecar for them.
  case virtualProbesPort = "kuma.io/virtual-probes-port"

  // MARK: Traffic
  /// The services that the pod may also reach at the addresses of their pods, as a list.
  case directAccessServices = "kuma.io/direct-access-services"
  /// The only services that the pod calls, as a list.
  case reachableServices = "kuma.io/transparent-proxying-reachable-services"
  /// Ports whose incoming connections are not redirected.
  case excludeInboundPorts = "traffic.kuma.io/exclude-inbound-ports"
  /// Ports to which outgoing connections are not redirected.
  case excludeOutboundPorts = "traffic.kuma.io/exclude-outbound-ports"
  /// Ports to which the connections of some users are not redirected.
  case excludeOutboundPortsForUIDs = "traffic.kuma.io/exclude-outbound-ports-for-uids"
  /// The same for TCP alone.
  case excludeOutboundTCPPortsForUIDs = "traffic.kuma.io/exclude-outbound-tcp-ports-for-uids"
  /// The same for UDP alone.
  case excludeOutboundUDPPortsForUIDs = "traffic.kuma.io/exclude-outbound-udp-ports-for-uids"

  // MARK: DNS
  /// Whether names are looked up by the sidecar.
  case builtinDNS = "kuma.io/builtin-dns"
  /// The port of the sidecar for them.
  case builtinDNSPort = "kuma.io/builtin-dns-port"
  /// Whether lookups are logged.
  case builtinDNSLogging = "kuma.io/builtin-dns-logging"

  // MARK: eBPF
  /// Whether connections are redirected by eBPF instead of iptables.
  case ebpf = "kuma.io/transparent-proxying-ebpf"
  /// The first engine of transparent proxying.
  case engineV1 = "kuma.io/transparent-proxying-engine-v1"

  // MARK: Of others
  /// The container that kubectl means when none is named.
  case defaultContainer = "kubectl.kubernetes.io/default-container"
}
