import Foundation
import Logging
import MeshKubernetes
import MeshModel
import ProgramSettings
import TestSupport
import Testing

@testable import kuma_cp

@Suite("Configuration of the injector")
struct InjectionConfigurationTests {

  private func load(_ environment: [String: String]) throws -> ControlPlaneConfiguration {
    let kubernetes = ["HOME": "/home/someone", "KUMA_ENVIRONMENT": "kubernetes", "KUMA_STORE_TYPE": "kubernetes"]
    let (configuration, warnings) = try ControlPlaneConfiguration.load(
      file: nil, environment: kubernetes.merging(environment) { $1 }, flags: [:])
    #expect(warnings.isEmpty, "\(warnings)")
    return configuration
  }

  private func settings(_ environment: [String: String] = [:]) async throws -> InjectorSettings {
    try await InjectorSettings.make(
      try load(environment), authority: "own", client: nil, logger: Logger(label: "test"))
  }

  @Test("has Kuma's defaults")
  func defaults() async throws {
    var expected = InjectorSettings()
    expected.controlPlaneCertificates = "own"
    expected.sidecarImage = "kuma-dp:\(ProductVersion.current)"
    expected.initImage = "kuma-init:\(ProductVersion.current)"
    #expect(try await settings() == expected)
    let injection = try load([:]).kubernetes.injection
    #expect(injection.ignoredServiceSelectorLabels == [])
    #expect(injection.nodeLabelsToCopy == ["topology.kubernetes.io/zone", "topology.kubernetes.io/region"])
  }

  @Test("is read from Kuma's variables")
  func variables() async throws {
    let sidecar = "KUMA_RUNTIME_KUBERNETES_INJECTOR_SIDECAR_CONTAINER"
    let resources = "KUMA_INJECTOR_SIDECAR_CONTAINER_RESOURCES"
    let settings = try await settings([
      "KUMA_DP_SERVER_PORT": "15678", "KUMA_RUNTIME_KUBERNETES_CONTROL_PLANE_SERVICE_NAME": "cp",
      "KUMA_STORE_KUBERNETES_SYSTEM_NAMESPACE": "mesh", "KUMA_DP_SERVER_AUTHN_DP_PROXY_TYPE": "none",
      "\(sidecar)_IMAGE": "registry.example/dp:2", "KUMA_INJECTOR_INIT_CONTAINER_IMAGE": "registry.example/init:2",
      "\(sidecar)_UID": "1001", "\(sidecar)_GUI": "1002", "KUMA_BOOTSTRAP_SERVER_PARAMS_ADMIN_PORT": "9911",
      "\(sidecar)_DRAIN_TIME": "45s", "\(sidecar)_ENV_VARS": "A:1,URL:https://cp.example:5678",
      "\(sidecar)_WAIT_FOR_DATAPLANE_READY": "true", "KUMA_EXPERIMENTAL_SIDECAR_CONTAINERS": "false",
      "\(sidecar)_REDIRECT_PORT_INBOUND": "16006", "\(sidecar)_REDIRECT_PORT_OUTBOUND": "16001",
      "\(sidecar)_IP_FAMILY_MODE": "ipv4", "\(sidecar)_READINESS_PROBE_INITIAL_DELAY_SECONDS": "11",
      "\(sidecar)_READINESS_PROBE_TIMEOUT_SECONDS": "12", "\(sidecar)_READINESS_PROBE_PERIOD_SECONDS": "13",
      "\(sidecar)_READINESS_PROBE_SUCCESS_THRESHOLD": "14", "\(sidecar)_READINESS_PROBE_FAILURE_THRESHOLD": "15",
      "\(sidecar)_LIVENESS_PROBE_INITIAL_DELAY_SECONDS": "21", "\(sidecar)_LIVENESS_PROBE_TIMEOUT_SECONDS": "22",
      "\(sidecar)_LIVENESS_PROBE_PERIOD_SECONDS": "23", "\(sidecar)_LIVENESS_PROBE_FAILURE_THRESHOLD": "25",
      "\(sidecar)_STARTUP_PROBE_PERIOD_SECONDS": "33", "\(resources)_REQUESTS_CPU": "1",
      "\(resources)_REQUESTS_MEMORY": "1Gi", "\(resources)_LIMITS_CPU": "4", "\(resources)_LIMITS_MEMORY": "2Gi",
      "KUMA_RUNTIME_KUBERNETES_SIDECAR_TRAFFIC_EXCLUDE_INBOUND_PORTS": "22,23",
      "KUMA_RUNTIME_KUBERNETES_SIDECAR_TRAFFIC_EXCLUDE_OUTBOUND_PORTS": "25",
      "KUMA_RUNTIME_KUBERNETES_VIRTUAL_PROBES_ENABLED": "false", "KUMA_RUNTIME_KUBERNETES_VIRTUAL_PROBES_PORT": "9001",
      "KUMA_RUNTIME_KUBERNETES_EXCEPTIONS_LABELS": "skip:*",
      "KUMA_RUNTIME_KUBERNETES_INJECTOR_CNI_ENABLED": "false",
      "KUMA_RUNTIME_KUBERNETES_INJECTOR_EBPF_ENABLED": "false",
      "KUMA_RUNTIME_KUBERNETES_INJECTOR_BUILTIN_DNS_ENABLED": "false",
    ])
    var expected = InjectorSettings()
    expected.controlPlaneURL = "https://cp.mesh:15678"
    expected.controlPlaneCertificates = "own"
    expected.needsToken = false
    (expected.sidecarImage, expected.initImage) = ("registry.example/dp:2", "registry.example/init:2")
    (expected.userID, expected.groupID, expected.adminPort) = (1001, 1002, 9911)
    expected.drainTime = .seconds(45)
    expected.environment = ["A": "1", "URL": "https://cp.example:5678"]
    expected.waitsForDataplane = true
    (expected.inboundPort, expected.outboundPort, expected.ipFamilyMode) = (16006, 16001, "ipv4")
    expected.readiness = InjectorSettings.Probe(
      initialDelaySeconds: 11, timeoutSeconds: 12, periodSeconds: 13, successThreshold: 14, failureThreshold: 15)
    expected.liveness = InjectorSettings.Probe(
      initialDelaySeconds: 21, timeoutSeconds: 22, periodSeconds: 23, failureThreshold: 25)
    expected.startup.periodSeconds = 33
    expected.requests = InjectorSettings.Resources(cpu: "1", memory: "1Gi")
    expected.limits = InjectorSettings.Resources(cpu: "4", memory: "2Gi")
    (expected.excludedInboundPorts, expected.excludedOutboundPorts) = ([22, 23], [25])
    (expected.virtualProbes, expected.virtualProbesPort) = (false, 9001)
    expected.exceptionLabels = ["skip": "*"]
    #expect(settings == expected)
  }

  @Test("IPv6 is redirected to the port of IPv4, or not at all")
  func ports() async throws {
    let variable = "KUMA_RUNTIME_KUBERNETES_INJECTOR_SIDECAR_CONTAINER_REDIRECT_PORT_INBOUND_V6"
    #expect(try await settings([variable: "0"]).ipFamilyMode == "ipv4")
    #expect(try await settings([variable: "15010"]).ipFamilyMode == "dualstack")
    #expect(
      #expect(throws: SettingFailure.self) { try load([variable: "15011"]) }?.description
        == "\(variable): \"15011\" is not possible: IPv6 is redirected to redirectPortInbound; leave it out, or give 0 to "
        + "redirect no IPv6")
  }

  @Test("sidecars trust the given certificates, else the control plane's own one, else those of their image")
  func certificates() async throws {
    let folder = try TemporaryFolder()
    let file = folder.file("ca.crt")
    try "given".write(toFile: file, atomically: true, encoding: .utf8)
    let variable = "KUMA_RUNTIME_KUBERNETES_INJECTOR_CA_CERT_FILE"
    #expect(try await settings([variable: file]).controlPlaneCertificates == "given")
    let own = ["KUMA_GENERAL_TLS_CERT_FILE": "/tls.crt", "KUMA_GENERAL_TLS_KEY_FILE": "/tls.key"]
    #expect(try await settings(own).controlPlaneCertificates == "")
    #expect(try await settings(own.merging([variable: file]) { $1 }).controlPlaneCertificates == "given")
    let failure = await #expect(throws: SettingFailure.self) { try await settings([variable: "\(file).none"]) }
    #expect(
      failure?.description == "\(variable): \"\(file).none\" cannot be read; give a file with certificates in PEM form")
  }

  @Test(
    "what is not here is refused, with the reason",
    arguments: [
      ("CNI_ENABLED", "true", "there is no CNI plugin; an init container redirects traffic; leave it false"),
      ("EBPF_ENABLED", "true", "traffic is redirected by iptables alone; leave it false"),
      (
        "BUILTIN_DNS_ENABLED", "true",
        "sidecars answer no DNS questions, so there are no .mesh names; leave it false"
      ),
      ("CONTAINER_PATCHES", "one", "there are no ContainerPatches; leave the list empty"),
    ])
  func absent(name: String, value: String, reason: String) {
    let variable = "KUMA_RUNTIME_KUBERNETES_INJECTOR_\(name)"
    #expect(
      #expect(throws: SettingFailure.self) { try load([variable: value]) }?.description
        == "\(variable): \"\(value)\" is not possible: \(reason)")
  }

  @Test(
    "values that no pod could have are refused",
    arguments: [
      ("KUMA_INJECTOR_SIDECAR_CONTAINER_RESOURCES_LIMITS_CPU", "two", "is not an amount"),
      ("KUMA_INJECTOR_SIDECAR_CONTAINER_RESOURCES_LIMITS_MEMORY", "1 Gi", "is not an amount"),
      ("KUMA_RUNTIME_KUBERNETES_VIRTUAL_PROBES_PORT", "0", "is not a port"),
      ("KUMA_RUNTIME_KUBERNETES_INJECTOR_SIDECAR_CONTAINER_IP_FAMILY_MODE", "ipv6", "choose one of dualstack, ipv4"),
      ("KUMA_RUNTIME_KUBERNETES_INJECTOR_SIDECAR_CONTAINER_DRAIN_TIME", "0s", "is too short"),
      ("KUMA_RUNTIME_KUBERNETES_INJECTOR_SIDECAR_CONTAINER_IMAGE", "", "is empty"),
      ("KUMA_RUNTIME_KUBERNETES_INJECTOR_SIDECAR_CONTAINER_STARTUP_PROBE_PERIOD_SECONDS", "0", "is not a valid number"),
    ])
  func faults(variable: String, value: String, fault: String) {
    let failure = #expect(throws: SettingFailure.self) { try load([variable: value]) }
    #expect(failure?.description.hasPrefix("\(variable): \"\(value)\" ") == true)
    #expect(failure?.description.contains(fault) == true)
  }
}
