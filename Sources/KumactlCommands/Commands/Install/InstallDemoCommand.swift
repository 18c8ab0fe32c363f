import ArgumentParser
import MeshModel

struct InstallDemoCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "demo", abstract: "Install Kuma demo on Kubernetes.",
    discussion: """
      Print the manifest of four small HTTP services that call each other, in a namespace whose pods get a proxy. The
      cluster itself is not touched. The control plane has to be installed before: pods get their proxy when they are made.

      Examples:
      kumactl install demo --registry registry.example/mesh | kubectl apply -f -
      kubectl -n kuma-demo exec deployment/storefront -c storefront -- kuma-demo request http://storefront
      """)

  @Option(parsing: .unconditional, help: ArgumentHelp("namespace to install to", valueName: "string"))
  var namespace = "kuma-demo"

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("registry and folder of the image, empty for an image that the nodes have", valueName: "string"))
  var registry = ""

  @Option(
    parsing: .unconditional, help: ArgumentHelp("version of the image, that of kumactl if empty", valueName: "string"))
  var version = ""

  @Option(
    name: [.customShort("m", allowingJoined: true), .long], parsing: .unconditional,
    help: ArgumentHelp("mesh of the services, default if empty", valueName: "string"))
  var mesh = ""

  /// Kuma's options for what its demo has and this one has not.
  private static let unused = ArgumentHelp("accepted for scripts of Kuma's and not used", valueName: "string")

  @Option(parsing: .unconditional, help: unused) var systemNamespace: String?
  @Option(parsing: .unconditional, help: unused) var zone: String?

  @Flag(help: "accepted for scripts of Kuma's and not used: the demo has no gateway") var withoutGateway = false

  @OptionGroup(title: GlobalOptions.section) var global: GlobalOptions

  func run() async throws {
    let folder = registry.isEmpty || registry.hasSuffix("/") ? registry : registry + "/"
    let tag = version.isEmpty ? ProductVersion.current : version
    let manifest = DemoManifest(
      namespace: namespace, image: "\(folder)kuma-demo:\(tag)", mesh: mesh.isEmpty ? nil : mesh)
    Console.write(try manifest.text)
  }
}
