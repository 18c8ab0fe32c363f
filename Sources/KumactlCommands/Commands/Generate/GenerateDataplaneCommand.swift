import ArgumentParser
import MeshClient
import MeshModel

struct GenerateDataplaneCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "dataplane", abstract: "Generate a Dataplane.",
    discussion: """
      Print a Dataplane: the description of a proxy with one service. Nothing is applied.

      Examples:
      # The service listens at port 8080 of this machine alone; the proxy takes its requests at port 10080
      kumactl generate dataplane --name web-1 --address 192.0.2.3 --service web --port 10080 --service-port 8080 >web.yaml
      kuma-dp run --dataplane-file web.yaml

      # It calls two services, at ports 20001 and 20002 of 127.0.0.1
      kumactl generate dataplane --name web-1 --address 192.0.2.3 --service web --port 10080 --service-port 8080 \
      --outbound api:20001 --outbound db:20002 | kumactl apply -f -
      """)

  @Option(parsing: .unconditional, help: ArgumentHelp("name of the Dataplane", valueName: "string"))
  var name: String

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "address at which other proxies reach this one: an IP address or a host name", valueName: "string"))
  var address: String

  @Option(parsing: .unconditional, help: ArgumentHelp("service that the proxy serves", valueName: "string"))
  var service: String

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("port at which the proxy takes requests for the service", valueName: "int"))
  var port: Int

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "port at which the service itself listens, on 127.0.0.1; the same as --port when there is none", valueName: "int")
  )
  var servicePort: Int?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "protocol of the service: http, http2, grpc, tcp or kafka; requests of the first three are traced",
      valueName: "string"),
    completion: .list(["http", "http2", "grpc", "tcp", "kafka"]))
  var `protocol` = "http"

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "service that this one calls, and the port of 127.0.0.1 at which it does, in the form service:port; may be given "
        + "several times",
      valueName: "service:port"))
  var outbound: [String] = []

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "further tag of the service, in the form name=value; may be given several times",
      valueName: PairsArgument.valueName))
  var tag: [PairsArgument] = []

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("port of Envoy's administration interface; a free one when there is none", valueName: "int"))
  var adminPort: Int?

  @OptionGroup var mesh: MeshOptions
  @OptionGroup(title: GlobalOptions.section) var global: GlobalOptions

  func run() async throws {
    let resource = Resource(mesh: mesh.mesh, name: name, spec: Dataplane(networking: try networking()).spec)
    let violations =
      NameRules.violations(ofNewName: name) + [NameRules.violation(ofMesh: mesh.mesh)].compactMap(\.self)
      + resource.violations()
    guard violations.isEmpty else {
      throw CommandFailure(violations.map(\.description).joined(separator: "; "))
    }
    Console.write(resource.document().yaml(sortKeys: false))
  }

  private func networking() throws -> Dataplane.Networking {
    let port = try Self.port(port, of: "--port")
    let servicePort = try servicePort.map { try Self.port($0, of: "--service-port") } ?? port
    try checkTags()
    var tags = tag.values
    for (name, flag) in [(TagName.service, "--service"), (TagName.protocol, "--protocol")] where tags[name] != nil {
      throw CommandFailure("the tag \(name) is set by \(flag); leave it out of --tag")
    }
    tags[TagName.service] = service
    tags[TagName.protocol] = `protocol`
    var inbound = Dataplane.Inbound(
      port: port, servicePort: servicePort == port ? 0 : servicePort,
      tags: tags)
    if HostRules.isLoopbackListener(address) {
      guard servicePort != port else {
        throw CommandFailure(
          "the proxy and the service cannot both listen at \(address):\(port); give the service's port with --service-port"
        )
      }
    } else {
      // The service need not be reachable by others: they reach its proxy.
      inbound.serviceAddress = "127.0.0.1"
    }
    return Dataplane.Networking(
      address: address, inbound: [inbound], outbound: try outbounds(port: port, servicePort: servicePort),
      adminPort: try adminPort.map { try Self.port($0, of: "--admin-port") })
  }

  /// Refuses a tag that has two values: one of them would be lost.
  private func checkTags() throws {
    var values: [String: String] = [:]
    for (name, value) in tag.flatMap(\.pairs) {
      if let other = values.updateValue(value, forKey: name) {
        throw CommandFailure("--tag \(name)=\(value): the tag has the value \(other.quoted) already; give it once")
      }
    }
  }

  /// The outbounds, each at a port of 127.0.0.1 that nothing else listens at.
  private func outbounds(port: UInt32, servicePort: UInt32) throws -> [Dataplane.Outbound] {
    let isProxyBeside = HostRules.isLoopbackListener(address)
    var owners: [UInt32: String] = [:]
    if !isProxyBeside || ["127.0.0.1", "localhost"].contains(address) { owners[servicePort] = "the service itself" }
    if isProxyBeside, ["127.0.0.1", "localhost"].contains(address) { owners[port] = "the proxy itself" }
    return try outbound.map { text in
      let outbound = try Self.outbound(text)
      if let owner = owners.updateValue("--outbound \(text)", forKey: outbound.port) {
        throw CommandFailure(
          "--outbound \(text): \(owner) listens at 127.0.0.1:\(outbound.port) already; give the outbound another port")
      }
      return outbound
    }
  }

  /// Reads `service:port`.
  private static func outbound(_ text: String) throws -> Dataplane.Outbound {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 2, !parts[0].isEmpty, let port = Int(parts[1]) else {
      throw CommandFailure(
        "--outbound \(text.quoted) is not a service and a port; write it as service:port, such as api:20001")
    }
    return Dataplane.Outbound(
      port: try Self.port(port, of: "--outbound \(text.quoted)"), tags: [TagName.service: String(parts[0])])
  }

  private static func port(_ number: Int, of flag: String) throws -> UInt32 {
    guard let port = UInt32(exactly: number), (1...65_535).contains(port) else {
      throw CommandFailure("\(flag): \(number) is not a port; ports are numbers from 1 to 65535")
    }
    return port
  }
}
