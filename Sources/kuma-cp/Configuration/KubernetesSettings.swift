import ArgumentParser
import ProgramSettings

/// The settings of a control plane whose resources are objects of a Kubernetes cluster.
struct KubernetesSettings: SettingGroup {
  let systemNamespace = Setting(
    "store.kubernetes.systemNamespace", .kubernetesName, default: "kuma-system",
    "Namespace of the control plane: its leases and its certificate are there.")
  let kubeconfig = Setting(
    "runtime.kubernetes.kubeconfig", .optionalText, default: "",
    "Kubeconfig file of the API server; empty for the service account of the pod, else $KUBECONFIG, else ~/.kube/config.",
    flag: .option(
      "--kubeconfig", valueName: "file", completion: .file(),
      "Kubeconfig file of the API server; in a pod none is needed."))
  let controlPlaneServiceName = Setting(
    "runtime.kubernetes.controlPlaneServiceName", .kubernetesName, default: "kuma-control-plane",
    "Name of the Service of the control plane, for which the certificate of the admission server is made.")
  let skipMeshOwnerReference = Setting(
    "runtime.kubernetes.skipMeshOwnerReference", .truth, default: "false",
    "Whether policies outlive their mesh: they get no owner reference to it.")
  let admissionAddress = Setting(
    "runtime.kubernetes.admissionServer.address", .admissionHost, default: "",
    "Address on which the admission server listens; empty for all addresses.")
  let admissionPort = Setting(
    "runtime.kubernetes.admissionServer.port", .port, default: "5443",
    "Port of the admission server, which the API server asks about writes; 0 picks a free one.",
    flag: .option("--admission-port", valueName: "port", "Port of the admission server (5443)."))
  let admissionCertificateFolder = Setting(
    "runtime.kubernetes.admissionServer.certDir", .optionalText, default: "",
    "Directory with tls.crt and tls.key of the admission server; empty for a certificate that the control plane makes.")
  let requestsPerSecond = Setting(
    "runtime.kubernetes.clientConfig.qps", .count(from: 1), default: "100",
    "How many requests a second go to the API server.")
  let requestBurst = Setting(
    "runtime.kubernetes.clientConfig.burstQps", .count(from: 1), default: "100",
    "How many requests may go to the API server at once after a rest.")
  let leaseDuration = Setting(
    "runtime.kubernetes.leaderElection.leaseDuration", .positiveDuration, default: "15s",
    "After how long without renewal another control plane becomes the leader.")
  let renewDeadline = Setting(
    "runtime.kubernetes.leaderElection.renewDeadline", .positiveDuration, default: "10s",
    "After how long without renewal the leader steps down.")
  let injection = InjectionSettings()
}

extension SettingFormat<String> {
  /// The name of an object of a cluster that is part of a host name: a label of the DNS.
  fileprivate static var kubernetesName: Self {
    Self("is not the name of an object; give lower-case letters, digits and \"-\", at most 63, such as kuma-system") {
      let isValid =
        (1...63).contains($0.utf8.count) && $0.first != "-" && $0.last != "-"
        && $0.utf8.allSatisfy { (0x61...0x7a).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2d }
      return isValid ? $0 : nil
    }
  }

  /// An address on which a server listens; an empty one means all addresses, as in Kuma.
  fileprivate static var admissionHost: Self {
    Self { text throws(SettingFault) in text.isEmpty ? "0.0.0.0" : try Self.host.read(text) }
  }
}

extension SettingValues<KubernetesSettings> {
  /// Checks settings that depend on each other.
  func check() throws(SettingFailure) {
    guard self.renewDeadline < self.leaseDuration else {
      throw failure(
        \.renewDeadline,
        "is too long; give less than \(KubernetesSettings.key(\.leaseDuration)), or two leaders overlap")
    }
  }
}
