import Foundation
import KubernetesAPI
import Logging
import MeshKubernetes
import ProgramSettings

extension InjectorSettings {
  /// How long the API server may take to say its version.
  private static let versionTime = Duration.seconds(10)
  /// The first version whose init containers can go on running.
  private static let sidecarContainerVersion = (major: 1, minor: 29)

  /// The settings of a control plane.
  ///
  /// - Parameters:
  ///   - authority: what clients of the data plane server have to trust, as PEM.
  ///   - client: asks for the version of the API server, where that matters; `nil` outside clusters.
  /// - Throws: ``SettingFailure`` if the file of certificates cannot be read.
  static func make(
    _ configuration: ControlPlaneConfiguration, authority: String, client: KubernetesClient?,
    logger: Logger
  ) async throws(SettingFailure) -> InjectorSettings {
    let given = configuration.kubernetes.injection
    var settings = InjectorSettings()
    let port = configuration.dataplaneServer.port
    settings.controlPlaneURL =
      "https://\(configuration.kubernetes.controlPlaneServiceName).\(configuration.kubernetes.systemNamespace):\(port)"
    settings.controlPlaneCertificates = try certificates(configuration, authority)
    settings.needsToken = configuration.proxyAuthentication == .serviceAccountToken
    settings.sidecarImage = given.sidecarImage
    settings.initImage = given.initImage
    settings.userID = Int64(given.userID)
    settings.groupID = Int64(given.groupID)
    settings.adminPort = UInt16(clamping: given.adminPort)
    settings.drainTime = given.drainTime
    settings.readiness = given.readiness.probe(successes: given.readinessSuccesses)
    settings.liveness = given.liveness.probe()
    settings.startup = given.startup.probe()
    settings.requests = Resources(cpu: given.requestedProcessors, memory: given.requestedMemory)
    settings.limits = Resources(cpu: given.processorLimit, memory: given.memoryLimit)
    settings.environment = given.environment
    settings.waitsForDataplane = given.waitsForDataplane
    settings.inboundPort = UInt16(clamping: given.inboundPort)
    settings.outboundPort = UInt16(clamping: given.outboundPort)
    settings.ipFamilyMode =
      (given.inboundPortV6 == 0 ? InjectionSettings.IPFamilies.ipv4 : given.ipFamilyMode).rawValue
    settings.excludedInboundPorts = given.excludedInboundPorts
    settings.excludedOutboundPorts = given.excludedOutboundPorts
    settings.virtualProbes = given.virtualProbes
    settings.virtualProbesPort = UInt16(clamping: given.virtualProbesPort)
    settings.exceptionLabels = given.exceptionLabels
    if given.usesSidecarContainers, let client {
      settings.usesSidecarContainers = await hasSidecarContainers(client, logger)
    }
    return settings
  }

  /// What sidecars trust: the certificates that are given, else the certificate that the control plane has made itself.
  private static func certificates(
    _ configuration: ControlPlaneConfiguration, _ authority: String
  ) throws(SettingFailure) -> String {
    guard let file = configuration.kubernetes.injection.certificateFile else {
      return configuration.tlsCertificateFile == nil ? authority : ""
    }
    guard let text = try? String(contentsOfFile: file, encoding: .utf8) else {
      throw configuration.kubernetes.injection.failure(
        \.certificateFile, "cannot be read; give a file with certificates in PEM form")
    }
    return text
  }

  private static func hasSidecarContainers(_ client: KubernetesClient, _ logger: Logger) async -> Bool {
    let version = await withDeadline(versionTime) { try? await client.serverVersion() } ?? nil
    if let version, (version.major, version.minor) >= sidecarContainerVersion { return true }
    logger.warning(
      "\(InjectionSettings.key(\.usesSidecarContainers)) has no effect: the API server has no init containers that go on running",
      metadata: [
        "version": "\(version.map { "\($0.major).\($0.minor)" } ?? "not known")",
        "needed": "\(sidecarContainerVersion.major).\(sidecarContainerVersion.minor)",
      ])
    return false
  }
}
