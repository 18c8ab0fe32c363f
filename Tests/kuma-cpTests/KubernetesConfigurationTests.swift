import MeshModel
import Testing

@testable import ProgramSettings
@testable import kuma_cp

@Suite("Configuration of a control plane on Kubernetes")
struct KubernetesConfigurationTests {
  private static let kubernetes = ["KUMA_ENVIRONMENT": "kubernetes", "KUMA_STORE_TYPE": "kubernetes"]

  private func load(_ environment: [String: String], flags: [String: String] = [:]) throws -> ControlPlaneConfiguration
  {
    let (configuration, warnings) = try ControlPlaneConfiguration.load(
      file: nil, environment: environment.merging(["HOME": "/home/someone"]) { given, _ in given }, flags: flags)
    #expect(warnings.isEmpty, "\(warnings)")
    return configuration
  }

  private func failure(_ environment: [String: String]) -> String? {
    #expect(throws: SettingFailure.self) { try load(environment) }?.description
  }

  @Test("has Kuma's defaults: the system namespace, the port of the admission server, a read-only API")
  func defaults() throws {
    let configuration = try load(Self.kubernetes)
    #expect(configuration.environment == .kubernetes && configuration.store == .kubernetes)
    #expect(configuration.apiReadOnly)
    let settings = configuration.kubernetes
    #expect(settings.systemNamespace == "kuma-system")
    #expect(settings.admissionAddress == "0.0.0.0" && settings.admissionPort == 5443)
    #expect(settings.admissionCertificateFolder == nil && settings.kubeconfig == nil)
    #expect(settings.requestsPerSecond == 100 && settings.requestBurst == 100)
    #expect(settings.leaseDuration == .seconds(15) && settings.renewDeadline == .seconds(10))
    #expect(!settings.skipMeshOwnerReference && settings.controlPlaneServiceName == "kuma-control-plane")
  }

  @Test("the store alone says where the control plane runs, and /config shows it")
  func derivedEnvironment() throws {
    let kubernetes = try load([:], flags: ["store.type": "kubernetes"])
    #expect(kubernetes.document["environment"] == "kubernetes")
    #expect(kubernetes.document["apiServer"]?["readOnly"] == true)
    let universal = try load(["KUMA_ENVIRONMENT": "universal"])
    #expect(universal.document["environment"] == "universal")
    #expect(universal.document["apiServer"]?["readOnly"] == false)
  }

  @Test("the API may be opened for writes, and closed elsewhere")
  func readOnly() throws {
    #expect(
      try !load(Self.kubernetes.merging(["KUMA_API_SERVER_READ_ONLY": "false"]) { $1 }).apiReadOnly)
    #expect(try load(["KUMA_API_SERVER_READ_ONLY": "true"]).apiReadOnly)
    #expect(try !load([:]).apiReadOnly)
  }

  @Test("proxies prove who they are in a cluster and to servers that a network reaches, unless that is set otherwise")
  func proxyAuthentication() throws {
    func type(_ settings: [String: String]) throws -> String {
      let configuration = try load(settings)
      let shown = configuration.document["dpServer"]?["authn"]?["dpProxy"]?["type"]
      #expect(shown == .string(configuration.proxyAuthentication.rawValue))
      return configuration.proxyAuthentication.rawValue
    }
    let name = "KUMA_DP_SERVER_AUTHN_DP_PROXY_TYPE"
    #expect(try type(Self.kubernetes) == "serviceAccountToken")
    #expect(try type(Self.kubernetes.merging([name: "none"]) { $1 }) == "none")
    #expect(try type([:]) == "none")
    #expect(try type([name: "none"]) == "none")
    #expect(try type([name: "dpToken"]) == "dpToken")
    #expect(try type(Self.kubernetes.merging([name: "dpToken"]) { $1 }) == "dpToken")
    #expect(
      failure([name: "serviceAccountToken"])
        == "\(name): \"serviceAccountToken\" needs a cluster, which checks the tokens; set it to dpToken or none, or "
        + "leave it out")
    #expect(
      failure([name: "password"])
        == "\(name): \"password\" is not known; choose one of none, dpToken, serviceAccountToken")
  }

  @Test("an environment that the store does not fit is refused with what to set")
  func contradiction() {
    #expect(
      failure(["KUMA_ENVIRONMENT": "kubernetes"])
        == "KUMA_ENVIRONMENT: \"kubernetes\" needs the resources of the cluster; set store.type to kubernetes")
    #expect(
      failure(["KUMA_ENVIRONMENT": "universal", "KUMA_STORE_TYPE": "kubernetes"])
        == "KUMA_ENVIRONMENT: \"universal\" does not go with store.type kubernetes; set it to kubernetes, or leave it out"
    )
    #expect(
      failure(["KUMA_ENVIRONMENT": "openshift"])
        == "KUMA_ENVIRONMENT: \"openshift\" is not known; choose one of universal, kubernetes")
  }

  @Test(
    "a value that cannot work is refused with its variable",
    arguments: [
      ("KUMA_STORE_KUBERNETES_SYSTEM_NAMESPACE", "Kuma System"), ("KUMA_STORE_KUBERNETES_SYSTEM_NAMESPACE", "-a"),
      ("KUMA_STORE_KUBERNETES_SYSTEM_NAMESPACE", String(repeating: "a", count: 64)),
      ("KUMA_RUNTIME_KUBERNETES_CONTROL_PLANE_SERVICE_NAME", ""),
      ("KUMA_RUNTIME_KUBERNETES_ADMISSION_SERVER_ADDRESS", "everywhere"),
      ("KUMA_RUNTIME_KUBERNETES_ADMISSION_SERVER_PORT", "65536"),
      ("KUMA_RUNTIME_KUBERNETES_CLIENT_CONFIG_QPS", "0"),
      ("KUMA_RUNTIME_KUBERNETES_LEADER_ELECTION_LEASE_DURATION", "0s"),
      ("KUMA_RUNTIME_KUBERNETES_LEADER_ELECTION_RENEW_DEADLINE", "15s"),
    ])
  func refused(variable: String, text: String) {
    let message = failure(Self.kubernetes.merging([variable: text]) { $1 })
    #expect(message?.hasPrefix("\(variable): \"\(text)\" is ") == true, "\(message ?? "")")
  }
}
