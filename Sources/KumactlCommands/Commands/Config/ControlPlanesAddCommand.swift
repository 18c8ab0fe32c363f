import ArgumentParser
import Glibc
import MeshAccess
import MeshClient
import MeshModel
import OrderedCollections

struct ControlPlanesAddCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "add", abstract: "Add a Control Plane.",
    discussion: """
      Add a Control Plane and make it the active one. It has to answer.

      Examples:
      kumactl config control-planes add --name local --address http://localhost:5681
      kumactl config control-planes add --name test --address https://test:5682 --ca-cert-file ca.crt \
      --auth-type tokens --auth-conf token="$(cat alice.token)"
      """)

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("URL of the Control Plane's API, such as http://localhost:5681", valueName: "string"))
  var address: String

  @Option(parsing: .unconditional, help: ArgumentHelp("reference name for the Control Plane", valueName: "string"))
  var name: String

  @Flag(help: "replace a Control Plane of the same name")
  var overwrite = false

  @Option(
    parsing: .unconditional, help: ArgumentHelp("file with the CA certificates to trust, PEM", valueName: "string"),
    completion: .file())
  var caCertFile: String?

  @Option(
    parsing: .unconditional, help: ArgumentHelp("file with the certificate to show, PEM", valueName: "string"),
    completion: .file())
  var clientCertFile: String?

  @Option(
    parsing: .unconditional, help: ArgumentHelp("file with the key of that certificate, PEM", valueName: "string"),
    completion: .file())
  var clientKeyFile: String?

  @Flag(help: "leave the Control Plane's certificate unchecked")
  var skipVerify = false

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "header of every request, in the form name=value; may be given several times",
      valueName: PairsArgument.valueName))
  var headers: [PairsArgument] = []

  @Option(parsing: .unconditional, help: ArgumentHelp("kind of authentication: tokens", valueName: "string"))
  var authType: String?

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp("setting of the authentication, such as token=…", valueName: PairsArgument.valueName))
  var authConf: [PairsArgument] = []

  @Flag(help: "add the Control Plane although it may not answer")
  var skipCheck = false

  @OptionGroup(title: GlobalOptions.section) var global: GlobalOptions

  func run() async throws {
    let session = Session(global)
    var file = try session.configurationFile()
    try checkName(in: file.configuration)
    let controlPlane = KumactlConfiguration.ControlPlane(name: name, url: address, settings: try settings())
    let client = try session.client(for: controlPlane)
    var user: String?
    if !skipCheck {
      do {
        _ = try await client.index()
        user = try await client.user()
      } catch {
        throw CommandFailure("could not connect to the Control Plane API Server: \(error.withAdvice)")
      }
    }
    try file.change { configuration in
      try checkName(in: configuration)
      configuration.add(controlPlane)
    }
    if user == User.anonymous.name { warnOfAnonymity() }
    Console.write("added Control Plane \(name.quoted)\nswitched active Control Plane to \(name.quoted)\n")
  }

  private func checkName(in configuration: KumactlConfiguration) throws {
    if configuration.contains(name), !overwrite {
      throw CommandFailure(
        "Control Plane with name \(name.quoted) already exists. Use --overwrite to replace an existing one.")
    }
  }

  private func settings() throws -> DocumentValue.Object {
    if (clientCertFile == nil) != (clientKeyFile == nil) {
      throw CommandFailure("Both --client-cert-file and --client-key-file needs to be specified")
    }
    let authentication = authConf.values
    switch authType ?? "" {
    case "tokens":
      guard authentication["token"].map(Self.trimmed)?.isEmpty == false else {
        throw CommandFailure("--auth-conf is not valid: provide token=YOUR_TOKEN")
      }
      warnOfPlaintext()
    case "":
      if !authentication.isEmpty { Console.warn(["--auth-conf has no effect without --auth-type tokens"]) }
    case let type:
      throw CommandFailure("authentication plugin of type \(type.quoted) is not found; the only one is \"tokens\"")
    }
    var settings: DocumentValue.Object = [:]
    if let caCertFile { settings["caCertFile"] = .string(Self.absolute(caCertFile)) }
    if let clientCertFile { settings["clientCertFile"] = .string(Self.absolute(clientCertFile)) }
    if let clientKeyFile { settings["clientKeyFile"] = .string(Self.absolute(clientKeyFile)) }
    if skipVerify { settings["skipVerify"] = true }
    let headers = headers.flatMap(\.pairs)
    if !headers.isEmpty {
      settings["headers"] = .array(headers.map { ["key": .string($0.name), "value": .string($0.value)] })
    }
    if let authType, !authType.isEmpty { settings["authType"] = .string(authType) }
    var conf: DocumentValue.Object = [:]
    for (name, value) in authentication.sorted(by: { $0.key < $1.key }) { conf[name] = .string(Self.trimmed(value)) }
    if !conf.isEmpty { settings["authConf"] = .object(conf) }
    return settings
  }

  /// A value without the spaces and line ends around it, which a file with a token may have.
  private static func trimmed(_ value: String) -> String {
    let end = value.lastIndex { !$0.isWhitespace }.map(value.index(after:)) ?? value.startIndex
    return String(value[..<end].drop(while: \.isWhitespace))
  }

  /// A path that is right in every working directory.
  private static func absolute(_ path: String) -> String {
    guard !path.isEmpty, !path.hasPrefix("/"), let folder = getcwd(nil, 0) else { return path }
    defer { free(folder) }
    return "\(String(cString: folder))/\(path)"
  }

  /// Warns that the control plane does not know the user: it answers everybody, but refuses the commands that follow.
  private func warnOfAnonymity() {
    let shown =
      if authType?.isEmpty == false { " by this token" } else if clientCertFile != nil {
        " by this client certificate"
      } else { "" }
    Console.warn([
      "the control plane does not know you\(shown) (\(User.anonymous.name)), and will refuse most commands; show a user "
        + "token: kumactl config control-planes add --overwrite --name \(name) --address \(address) --auth-type tokens "
        + "--auth-conf token=TOKEN"
    ])
  }

  /// Warns where others could read the token on its way.
  private func warnOfPlaintext() {
    guard let server = try? ControlPlaneAddress(address), !server.isSecure, !HostRules.isLoopbackListener(server.host)
    else {
      return
    }
    Console.warn([
      "the token is sent without encryption to \(address); use the API over https:// instead, by default at port 5682"
    ])
  }
}
