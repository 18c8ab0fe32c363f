import MeshKubernetes
import MeshModel
import ProgramSettings

/// The settings of the injector, under Kuma's keys and variables.
struct InjectionSettings: SettingGroup {
  private static let root = "runtime.kubernetes.injector"
  private static let sidecar = "\(root).sidecarContainer"

  let sidecarImage = Setting(
    "\(sidecar).image", .nonEmpty, default: "kuma-dp:\(ProductVersion.current)", "Image of the sidecar.")
  let initImage = Setting(
    "\(root).initContainer.image", .nonEmpty, default: "kuma-init:\(ProductVersion.current)",
    "Image of the init container, which redirects the traffic of a pod to its sidecar.",
    variable: "KUMA_INJECTOR_INIT_CONTAINER_IMAGE")
  let certificateFile = Setting(
    "\(root).caCertFile", .optionalText, default: "",
    "Certificates (PEM) of the control plane that sidecars trust; empty for the one that the control plane makes.",
    variable: "KUMA_RUNTIME_KUBERNETES_INJECTOR_CA_CERT_FILE")
  let userID = Setting("\(sidecar).uid", .count(from: 1), default: "5678", "User id of the sidecar.")
  let groupID = Setting(
    "\(sidecar).gid", .count(from: 1), default: "5678", "Group id of the sidecar.",
    // Kuma's variable is spelt like this.
    variable: "KUMA_RUNTIME_KUBERNETES_INJECTOR_SIDECAR_CONTAINER_GUI")
  let adminPort = Setting(
    "bootstrapServer.params.adminPort", .usedPort, default: "9901", "Port of the administration of Envoys in pods.")
  let drainTime = Setting(
    "\(sidecar).drainTime", .positiveDuration, default: "30s",
    "How long a sidecar drains its connections when its pod ends.")
  let environment = Setting(
    "\(sidecar).envVars", .map, default: "", "Environment variables of sidecars: NAME:value,NAME:value.")
  let waitsForDataplane = Setting(
    "\(sidecar).waitForDataplaneReady", .truth, default: "false",
    "Whether the containers of an application start when the sidecar is ready.")
  let usesSidecarContainers = Setting(
    "experimental.sidecarContainers", .truth, default: "false",
    "Whether sidecars are init containers that go on running; the cluster has to be of version 1.29 at least.")
  let readiness = SidecarProbeSettings<ReadinessProbe>()
  let readinessSuccesses = Setting(
    "\(sidecar).readinessProbe.successThreshold", .count(from: 1), default: "1",
    "After how many answers a sidecar that was not ready counts as ready.")
  let liveness = SidecarProbeSettings<LivenessProbe>()
  let startup = SidecarProbeSettings<StartupProbe>()
  let requestedProcessors = Setting(
    "\(sidecar).resources.requests.cpu", .quantity, default: "50m", "Processors that a sidecar asks for.",
    variable: "KUMA_INJECTOR_SIDECAR_CONTAINER_RESOURCES_REQUESTS_CPU")
  let requestedMemory = Setting(
    "\(sidecar).resources.requests.memory", .quantity, default: "64Mi", "Memory that a sidecar asks for.",
    variable: "KUMA_INJECTOR_SIDECAR_CONTAINER_RESOURCES_REQUESTS_MEMORY")
  let processorLimit = Setting(
    "\(sidecar).resources.limits.cpu", .quantity, default: "1000m", "Most processors that a sidecar gets.",
    variable: "KUMA_INJECTOR_SIDECAR_CONTAINER_RESOURCES_LIMITS_CPU")
  let memoryLimit = Setting(
    "\(sidecar).resources.limits.memory", .quantity, default: "512Mi", "Most memory that a sidecar gets.",
    variable: "KUMA_INJECTOR_SIDECAR_CONTAINER_RESOURCES_LIMITS_MEMORY")
  let inboundPort = Setting(
    "\(sidecar).redirectPortInbound", .usedPort, default: "15006",
    "Port of sidecars to which incoming connections are redirected.")
  let inboundPortV6 = Setting(
    "\(sidecar).redirectPortInboundV6", .inboundPortV6, default: "15006",
    "0 to redirect no IPv6; IPv6 is redirected to the port of IPv4 otherwise.")
  let outboundPort = Setting(
    "\(sidecar).redirectPortOutbound", .usedPort, default: "15001",
    "Port of sidecars to which outgoing connections are redirected.")
  let ipFamilyMode = Setting<IPFamilies>(
    "\(sidecar).ipFamilyMode", .choice, default: "dualstack", "Which IP families are redirected: dualstack or ipv4.")
  let excludedInboundPorts = Setting(
    "\(root).sidecarTraffic.excludeInboundPorts", .ports, default: "",
    "Ports whose incoming connections are not redirected, with commas between, where a pod names none.",
    variable: "KUMA_RUNTIME_KUBERNETES_SIDECAR_TRAFFIC_EXCLUDE_INBOUND_PORTS")
  let excludedOutboundPorts = Setting(
    "\(root).sidecarTraffic.excludeOutboundPorts", .ports, default: "",
    "Ports to which connections are not redirected, with commas between, where a pod names none.",
    variable: "KUMA_RUNTIME_KUBERNETES_SIDECAR_TRAFFIC_EXCLUDE_OUTBOUND_PORTS")
  let virtualProbes = Setting(
    "\(root).virtualProbesEnabled", .truth, default: "true", "Whether sidecars serve the HTTP probes of pods.",
    variable: "KUMA_RUNTIME_KUBERNETES_VIRTUAL_PROBES_ENABLED")
  let virtualProbesPort = Setting(
    "\(root).virtualProbesPort", .usedPort, default: "9000", "Port of sidecars for the probes of pods.",
    variable: "KUMA_RUNTIME_KUBERNETES_VIRTUAL_PROBES_PORT")
  let exceptionLabels = Setting(
    "\(root).exceptions.labels", .map, default: "openshift.io/build.name:*,openshift.io/deployer-pod-for.name:*",
    "Labels of pods that get no sidecar: label:value,label:*.", variable: "KUMA_RUNTIME_KUBERNETES_EXCEPTIONS_LABELS")
  let ignoredServiceSelectorLabels = Setting(
    "\(root).ignoredServiceSelectorLabels", .list, default: "",
    "Labels that the selectors of Services need not match, with commas between; the inbounds are then ignored.")
  let nodeLabelsToCopy = Setting(
    "\(root).nodeLabelsToCopy", .list, default: "topology.kubernetes.io/zone,topology.kubernetes.io/region",
    "Labels of nodes that become tags of the proxies on them, with commas between.")

  // MARK: What is not here

  let cniEnabled = Setting(
    "\(root).cniEnabled", .absent("there is no CNI plugin; an init container redirects traffic"), default: "false",
    "Only false: there is no CNI plugin.")
  let ebpfEnabled = Setting(
    "\(root).ebpf.enabled", .absent("traffic is redirected by iptables alone"), default: "false",
    "Only false: traffic is redirected by iptables alone.")
  let builtinDNSEnabled = Setting(
    "\(root).builtinDNS.enabled", .absent("sidecars answer no DNS questions, so there are no .mesh names"),
    default: "false", "Only false: sidecars answer no DNS questions.",
    variable: "KUMA_RUNTIME_KUBERNETES_INJECTOR_BUILTIN_DNS_ENABLED")
  let containerPatches = Setting(
    "\(root).containerPatches",
    .list("is not possible: there are no ContainerPatches; leave the list empty") { _ in false }, default: "",
    "Only empty: there are no ContainerPatches.")

  /// Which IP families are redirected.
  enum IPFamilies: String, CaseIterable, Sendable {
    case dualstack
    case ipv4
  }
}

extension SettingFormat<Int> {
  /// A port that somebody else listens on.
  fileprivate static var usedPort: Self {
    Self("is not a port; give a number from 1 to 65535") { UInt16($0).flatMap { $0 > 0 ? Int($0) : nil } }
  }

  /// The ports that have always meant the port of IPv4, and 0.
  fileprivate static var inboundPortV6: Self {
    Self("is not possible: IPv6 is redirected to redirectPortInbound; leave it out, or give 0 to redirect no IPv6") {
      ["0": 0, "15006": 15006, "15010": 15010][$0]
    }
  }
}

extension SettingFormat<Bool> {
  /// Whether to have what is not here.
  fileprivate static func absent(_ reason: String) -> Self {
    Self { text throws(SettingFault) in
      guard try Self.truth.read(text) else { return false }
      throw SettingFault(text, "is not possible: \(reason); leave it false")
    }
  }
}

extension SettingFormat<Quantity> {
  /// An amount of processors or memory.
  fileprivate static var quantity: Self {
    Self("is not an amount; give one such as 500m processors, or 64Mi of memory", Quantity.init)
  }
}
