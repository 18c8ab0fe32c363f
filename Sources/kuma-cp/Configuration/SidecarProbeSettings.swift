import MeshKubernetes
import ProgramSettings

/// A probe of the sidecar: its name in keys, and the default that differs between probes.
protocol SidecarProbe: Sendable {
  static var name: String { get }
  static var initialDelay: String { get }
}

enum ReadinessProbe: SidecarProbe {
  static let name = "readinessProbe"
  static let initialDelay = "1"
}

enum LivenessProbe: SidecarProbe {
  static let name = "livenessProbe"
  static let initialDelay = "60"
}

enum StartupProbe: SidecarProbe {
  static let name = "startupProbe"
  static let initialDelay = "1"
}

/// How often and how long the kubelet probes the sidecar.
struct SidecarProbeSettings<Probe: SidecarProbe>: SettingGroup {
  private static var root: String { "runtime.kubernetes.injector.sidecarContainer.\(Probe.name)" }

  let initialDelay = Setting(
    "\(root).initialDelaySeconds", .count(from: 1), default: Probe.initialDelay,
    "After how many seconds the first probe is made.")
  let timeout = Setting(
    "\(root).timeoutSeconds", .count(from: 1), default: "3", "How many seconds an answer may take.")
  let period = Setting(
    "\(root).periodSeconds", .count(from: 1), default: "5", "How many seconds are between probes.")
  let failures = Setting(
    "\(root).failureThreshold", .count(from: 1), default: "12", "After how many failures a probe counts as failed.")
}

extension SettingValues {
  /// The probe as the injector writes it.
  ///
  /// - Parameter successes: after how many answers a probe that failed counts as good. Kubernetes takes only 1, but for readiness.
  func probe<Probe>(successes: Int = 1) -> InjectorSettings.Probe where Group == SidecarProbeSettings<Probe> {
    InjectorSettings.Probe(
      initialDelaySeconds: self.initialDelay, timeoutSeconds: self.timeout, periodSeconds: self.period,
      successThreshold: successes, failureThreshold: self.failures)
  }
}
