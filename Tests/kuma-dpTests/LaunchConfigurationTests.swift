import ArgumentParser
import Foundation
import MeshClient
import MeshModel
import ProgramSettings
import TestSupport
import Testing

@testable import kuma_dp

@Suite("Settings of a run")
struct LaunchConfigurationTests {
  func configuration(
    _ arguments: String..., environment: [String: String] = [:]
  ) throws -> LaunchConfiguration {
    let command = try #require(try KumaDataplane.parseAsRoot(["run"] + arguments) as? RunCommand)
    return try LaunchConfiguration(
      SettingValues(flags: command.flags, environment: environment), variables: command.dataplaneVar,
      podName: PodName.name(in: environment))
  }

  func failure(
    _ arguments: [String], _ environment: [String: String] = [:]
  ) throws -> LaunchFailure {
    let command = try #require(try KumaDataplane.parseAsRoot(["run"] + arguments) as? RunCommand)
    return try #require(throws: LaunchFailure.self) {
      try LaunchConfiguration(
        SettingValues(flags: command.flags, environment: environment), variables: command.dataplaneVar,
        podName: PodName.name(in: environment))
    }
  }

  @Test("in a pod the Dataplane's name is the pod's with its namespace, unless something else names it")
  func pod() throws {
    let pod = ["POD_NAME": "web-7d4f9-abc", "POD_NAMESPACE": "shop"]
    let configuration = try configuration(environment: pod.merging(["KUMA_DATAPLANE_MESH": "demo"]) { $1 })
    #expect(configuration.name == "web-7d4f9-abc.shop" && configuration.mesh == "demo")
    #expect(configuration.definition == nil)
    #expect(try self.configuration("--name", "other", environment: pod).name == "other")
    #expect(try self.configuration(environment: pod.merging(["KUMA_DATAPLANE_NAME": "named"]) { $1 }).name == "named")
    let definition = """
      {type: Dataplane, mesh: default, name: brought, networking: {address: 127.0.0.1, \
      inbound: [{port: 80, tags: {kuma.io/service: web}}]}}
      """
    #expect(try self.configuration("--dataplane", definition, environment: pod).name == "brought")
  }

  @Test(
    "half of a pod's name is none",
    arguments: [["POD_NAME": "web"], ["POD_NAME": "web", "POD_NAMESPACE": ""], ["POD_NAMESPACE": "shop"]])
  func halfOfAPod(_ environment: [String: String]) throws {
    let failure = try failure([], environment)
    #expect(failure.description.contains("POD_NAME and POD_NAMESPACE"), "\(failure)")
  }

  @Test("a pod whose name cannot be a Dataplane's is told so")
  func badPod() throws {
    let failure = try failure([], ["POD_NAME": "Web", "POD_NAMESPACE": "shop"])
    #expect(failure.description.contains("name: invalid characters"), "\(failure)")
  }

  @Test("have Kuma's defaults")
  func defaults() throws {
    let configuration = try configuration("--name", "web-1")
    #expect(configuration.name == "web-1")
    #expect(configuration.mesh == "default")
    #expect(configuration.definition == nil)
    #expect(configuration.controlPlane.description == "https://localhost:5678")
    #expect(configuration.caCertificate == nil)
    #expect(configuration.token == nil)
    #expect(configuration.retry == BootstrapRetry(backoff: .seconds(3), limit: .seconds(300)))
    #expect(configuration.binary == nil)
    #expect(configuration.configDirectory == nil)
    #expect(configuration.concurrency == nil)
    #expect(configuration.drainTime == .seconds(30))
    #expect(configuration.adminPort == nil)
    #expect(configuration.logLevel == .info)
    #expect(configuration.envoyLogLevel == "warning")
  }

  private static let environment = [
    "KUMA_CONTROL_PLANE_URL": "http://cp:1234", "KUMA_CONTROL_PLANE_RETRY_BACKOFF": "20ms",
    "KUMA_CONTROL_PLANE_RETRY_MAX_DURATION": "1m", "KUMA_DATAPLANE_NAME": "from-environment",
    "KUMA_DATAPLANE_MESH": "shop", "KUMA_DATAPLANE_DRAIN_TIME": "5s", "KUMA_DATAPLANE_ADMIN_PORT": "9999",
    "KUMA_DATAPLANE_RUNTIME_BINARY_PATH": "/opt/envoy", "KUMA_DATAPLANE_RUNTIME_CONFIG_DIR": "/run/kuma",
    "KUMA_DATAPLANE_RUNTIME_CONCURRENCY": "4", "KUMA_DATAPLANE_RUNTIME_ENVOY_LOG_LEVEL": "error",
    "KUMA_DATAPLANE_PROXY_TYPE": "dataplane", "KUMA_DNS_ENABLED": "true",
  ]

  @Test("are taken from Kuma's environment variables")
  func environment() throws {
    let configuration = try configuration(environment: Self.environment)
    #expect(configuration.name == "from-environment")
    #expect(configuration.mesh == "shop")
    #expect(configuration.controlPlane.description == "http://cp:1234")
    #expect(configuration.retry == BootstrapRetry(backoff: .milliseconds(20), limit: .seconds(60)))
    #expect(configuration.drainTime == .seconds(5))
    #expect(configuration.adminPort == 9999)
    #expect(configuration.binary?.text == "/opt/envoy")
    #expect(configuration.configDirectory == "/run/kuma")
    #expect(configuration.concurrency == 4)
    #expect(configuration.envoyLogLevel == "error")
  }

  @Test("are taken from options where both are given, and an empty one counts as not given")
  func optionsWin() throws {
    let configuration = try configuration(
      "--name", "web-1", "--mesh", "", "--cp-address=https://[::1]:5678/", "--drain-time", "0", "--admin-port", "0",
      "--binary-path", "envoy", "--config-dir", "/tmp/x", "--concurrency", "0", "--envoy-log-level", "off",
      "--dns-enabled=false", environment: Self.environment)
    #expect(configuration.name == "web-1")
    #expect(configuration.mesh == "shop")
    #expect(configuration.controlPlane.description == "https://[::1]:5678")
    #expect(configuration.drainTime == .zero)
    #expect(configuration.adminPort == 0)
    #expect(configuration.binary?.text == "envoy")
    #expect(configuration.configDirectory == "/tmp/x")
    #expect(configuration.concurrency == nil)
    #expect(configuration.envoyLogLevel == "off")
  }

  @Test("let Envoy tell as much as --log-level says, where that is given")
  func logLevels() throws {
    #expect(try configuration("--name", "w", "--log-level", "debug").envoyLogLevel == "debug")
    let both = try configuration("--name", "w", "--log-level", "off", "--envoy-log-level", "info")
    #expect(both.logLevel == .off)
    #expect(both.envoyLogLevel == "info")
  }

  @Test("read a definition, filled in, from a file, an option or a variable")
  func definitions() throws {
    let folder = try TemporaryFolder()
    let text = TestControlPlane.definition
      .replacingOccurrences(of: "web-1", with: "{{ name }}").replacingOccurrences(of: "21080", with: "{{ port.in }}")
    let file = try folder.write(text, to: "web.yaml")
    let fromFile = try configuration("-d", file, "-v", "name=web-7", "--dataplane-var", "port.in=8080")
    #expect(fromFile.name == "web-7")
    #expect(fromFile.mesh == "default")
    #expect(fromFile.definition?.resource.content(Dataplane.self)?.networking?.inbound.first?.port == 8080)
    #expect(try configuration("--dataplane", TestControlPlane.definition).name == "web-1")
    let variable = ["KUMA_DATAPLANE_RUNTIME_RESOURCE": TestControlPlane.definition]
    #expect(try configuration(environment: variable).name == "web-1")
    // An option wins over the variable of the other way to say it.
    #expect(try configuration("-d", file, "-v", "name=a", "-v", "port.in=1", environment: variable).name == "a")
    let plain = try folder.write(TestControlPlane.definition, to: "plain.yaml")
    #expect(try configuration(environment: ["KUMA_DATAPLANE_RUNTIME_RESOURCE_PATH": plain]).name == "web-1")
  }

  /// A command line that is refused, and what is said.
  struct Refusal: Sendable, CustomTestStringConvertible {
    var arguments: [String]
    var environment: [String: String] = [:]
    var code = LaunchFailure.Code.badSetting
    var message: String
    var testDescription: String { message }
  }

  private static let refusals: [Refusal] = [
    Refusal(
      arguments: [],
      message:
        "no Dataplane: give one with --dataplane-file or --dataplane, or name one that the control plane has with "
        + "--name, or with POD_NAME and POD_NAMESPACE in a pod"),
    Refusal(
      arguments: ["--dataplane", TestControlPlane.definition, "--name", "x"],
      message:
        "--name and --mesh cannot be specified when dataplane definition is provided. Mesh and name will be read "
        + "from the dataplane definition."),
    Refusal(
      arguments: ["--dataplane", TestControlPlane.definition], environment: ["KUMA_DATAPLANE_MESH": "x"],
      message:
        "--name and --mesh cannot be specified when dataplane definition is provided. Mesh and name will be read "
        + "from the dataplane definition. (KUMA_DATAPLANE_MESH is set)"),
    Refusal(
      arguments: ["--dataplane", "a", "-d", "b"],
      message: "--dataplane-file and --dataplane cannot both be given; leave one of them out"),
    Refusal(
      arguments: ["--name", "x", "--dataplane-token", "a", "--dataplane-token-file", "b"],
      message: "--dataplane-token and --dataplane-token-file cannot both be given; leave one of them out"),
    Refusal(
      arguments: ["--name", "x", "-v", "a=b"],
      message: "--dataplane-var fills in a definition: give one with --dataplane-file or --dataplane"),
    Refusal(
      arguments: ["--dataplane", "a", "-v", "novalue"],
      message: "--dataplane-var: novalue must be formatted as key=value"),
    Refusal(
      arguments: ["--name", "Web"],
      message: "--name: invalid characters. Valid characters are numbers, lowercase latin letters and '-', '_', '.' "
        + "symbols."),
    Refusal(
      arguments: ["--name", "x", "--mesh", "a.b"],
      message: "--mesh: cannot hold a dot: Envoy's node id is mesh and name, and the first dot ends the mesh"),
    Refusal(
      arguments: ["--name", "x", "--mesh", "a b"],
      message: "--mesh: invalid characters. Valid characters are numbers, lowercase latin letters and '-', '_', '.' "
        + "symbols."),
    Refusal(
      arguments: ["--name", "x", "--cp-address", "localhost:5678"],
      message:
        "--cp-address: \"localhost:5678\" is not an address such as https://localhost:5678: it has to begin with "
        + "http:// or https://"),
    Refusal(
      arguments: ["--name", "x"], environment: ["KUMA_CONTROL_PLANE_URL": "http://"],
      message:
        "KUMA_CONTROL_PLANE_URL: \"http://\" is not an address such as https://localhost:5678: it names no host"),
    Refusal(
      arguments: ["--name", "x", "--drain-time", "-1s"],
      message: #"--drain-time: "-1s" is not a valid duration; write one such as 500ms, 30s or 1m30s"#),
    Refusal(
      arguments: ["--name", "x", "--drain-time", "90"],
      message: #"--drain-time: "90" is not a valid duration; write 90s"#),
    Refusal(
      arguments: ["--name", "x"], environment: ["KUMA_CONTROL_PLANE_RETRY_BACKOFF": "0"],
      message: "KUMA_CONTROL_PLANE_RETRY_BACKOFF: \"0\" is too short; give a duration above 0, such as 30s"),
    Refusal(
      arguments: ["--name", "x", "--admin-port", "65536"],
      message: #"--admin-port: "65536" is not a port; give a number from 0 to 65535"#),
    Refusal(
      arguments: ["--name", "x"], environment: ["KUMA_DATAPLANE_RUNTIME_CONCURRENCY": "-1"],
      message: #"KUMA_DATAPLANE_RUNTIME_CONCURRENCY: "-1" is not a number of threads; give one from 0 to 4294967295"#),
    Refusal(
      arguments: ["--name", "x", "--envoy-log-level", "loud"],
      message:
        "--envoy-log-level: \"loud\" is not known; choose one of trace, debug, info, warning, warn, error, critical, off"
    ),
    Refusal(
      arguments: ["--name", "x", "--log-level", "loud"],
      message: #"--log-level: "loud" is not known; choose one of trace, debug, info, warning, error, off"#),
    Refusal(
      arguments: ["--name", "x", "--proxy-type", "ingress"],
      message: #"--proxy-type can only be "dataplane", not "ingress": there are no zone proxies here"#),
    Refusal(
      arguments: ["--name", "x", "--dns-enabled=true"],
      message: "--dns-enabled can only be false: this kuma-dp has no DNS server"),
    Refusal(
      arguments: [], environment: ["POD_NAME": "web", "POD_NAMESPACE": "shop", "KUMA_DNS_ENABLED": "true"],
      message: "KUMA_DNS_ENABLED can only be false: this kuma-dp has no DNS server"),
    Refusal(
      arguments: ["--name", "x", "--envoy-component-log-level", "upstream:debug,loud"],
      message:
        "--envoy-component-log-level: \"upstream:debug,loud\" is not in the form component:level, such as "
        + "upstream:debug,connection:trace"),
    Refusal(
      arguments: ["-d", "/nowhere/web.yaml"], code: .unreadableFile,
      message: "--dataplane-file: open /nowhere/web.yaml: no such file or directory"),
    Refusal(
      arguments: ["--name", "x"], environment: ["KUMA_CONTROL_PLANE_CA_CERT_FILE": "/nowhere/ca"],
      code: .unreadableFile, message: "KUMA_CONTROL_PLANE_CA_CERT_FILE: open /nowhere/ca: no such file or directory"),
    Refusal(
      arguments: ["--name", "x", "--ca-cert-file", "/dev/null"], code: .unreadableFile,
      message: "--ca-cert-file: it contains no certificate in PEM form"),
    Refusal(
      arguments: ["--name", "x", "--dataplane-token-file", "/nowhere/token"], code: .unreadableFile,
      message: "--dataplane-token-file: open /nowhere/token: no such file or directory"),
  ]

  @Test("are refused with the option or variable and what it has to be", arguments: refusals)
  func refused(_ refusal: Refusal) throws {
    let failure = try failure(refusal.arguments, refusal.environment)
    #expect(failure.code == refusal.code)
    #expect(failure.description == refusal.message)
    #expect(failure.exitCode == 1)
  }

  @Test("refuse a file that is not text")
  func binaryFile() throws {
    let folder = try TemporaryFolder()
    let file = "\(folder.path)/web.yaml"
    try Data([0x74, 0xff, 0xfe]).write(to: URL(filePath: file))
    #expect(
      try failure(["-d", file]).description
        == "--dataplane-file: \(file): the text is not valid UTF-8; save it as UTF-8")
  }

  @Test("take the authority from an option before the variable with its text, and that before the one with a file")
  func authorities() throws {
    func pem(_ text: String) -> String { "-----BEGIN CERTIFICATE-----\n\(text)\n-----END CERTIFICATE-----\n" }
    let folder = try TemporaryFolder()
    let option = try folder.write(pem("option"), to: "option.pem")
    let file = try folder.write(pem("file"), to: "file.pem")
    var environment = ["KUMA_DATAPLANE_NAME": "web", "KUMA_CONTROL_PLANE_CA_CERT_FILE": file]
    #expect(try configuration(environment: environment).caCertificate == pem("file"))
    environment["KUMA_CONTROL_PLANE_CA_CERT"] = pem("text")
    #expect(try configuration(environment: environment).caCertificate == pem("text"))
    #expect(try configuration("--ca-cert-file", option, environment: environment).caCertificate == pem("option"))
  }

  @Test("are all described: what an option does, its default and its variable")
  func help() throws {
    let document = try DocumentValue(json: RunCommand._dumpHelp().utf8)
    let arguments = try #require(document["command"]?["arguments"]?.array)
    #expect(arguments.count > 15)
    for argument in arguments {
      guard let name = argument["preferredName"]?["name"]?.string, !["help", "version"].contains(name) else { continue }
      let text = argument["abstract"]?.string ?? ""
      #expect(text.contains("Default: "), "\(name)")
      if !["dataplane-var", "log-level"].contains(name) {
        #expect(text.contains("Variable: KUMA_"), "\(name)")
      }
    }
  }
}
