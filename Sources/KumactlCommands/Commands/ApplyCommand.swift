import ArgumentParser
import MeshClient
import MeshModel

struct ApplyCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "apply", abstract: "Create or modify Kuma resources.",
    discussion: """
      Create or modify Kuma resources.

      Examples:
      # Apply a file of resources, in Kuma's own form or in that of Kubernetes
      kumactl apply -f resources.yaml

      # Fill in variables
      kumactl apply -f policy.yaml --var backend=jaeger

      # Show what would be applied
      kumactl apply -f resources.yaml --dry-run

      # Ask the control plane what would change, and which proxies would send their spans elsewhere
      kumactl apply -f resources.yaml --dry-run=server

      # Every YAML and JSON file of a directory; a web address; standard input
      kumactl apply -f policies/
      kumactl apply -f https://example.com/policy.yaml
      echo "
      type: Mesh
      name: demo
      " | kumactl apply -f -
      """)

  @Option(
    name: [.customShort("f", allowingJoined: true), .long], parsing: .unconditionalSingleValue,
    help: ArgumentHelp("file, directory or address with the resources, or - for standard input", valueName: "string"),
    completion: .file())
  var file: [String]

  @Option(
    name: [.customShort("v", allowingJoined: true), .long], parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "variable to fill in, in the form name=value; may be given several times", valueName: PairsArgument.valueName))
  var `var`: [PairsArgument] = []

  @Option(
    defaultAsFlag: "client", parsing: .next,
    help: ArgumentHelp(
      "apply nothing: print the resources (client), or what the control plane says would change (server)",
      valueName: "string[=\"client\"]"),
    completion: .list(["client", "server"]))
  var dryRun: String?

  @OptionGroup(title: GlobalOptions.section) var output: OutputOptions
  @OptionGroup(title: GlobalOptions.section) var global: GlobalOptions

  /// What is done instead of applying.
  private enum DryRun {
    case client
    case server

    /// Parses the option's value; Boolean values are accepted as for a flag.
    init?(_ text: String?) throws {
      switch text {
      case nil, "none", "false": return nil
      case "client", "true": self = .client
      case "server": self = .server
      case let other?:
        throw CommandFailure("invalid dry-run value \"\(other)\": must be none, client or server")
      }
    }
  }

  func run() async throws {
    let dryRun = try DryRun(dryRun)
    let format = try output.format
    guard format == .table || dryRun == .server else {
      throw CommandFailure("--output chooses the form of what --dry-run=server finds; give both or neither")
    }
    let variables = `var`.values
    // Everything is parsed and checked before the first write.
    var batch = ResourceBatch()
    for source in file {
      for (text, file) in try await ResourceSource(source).texts() {
        do {
          try batch.add(text, variables: variables)
        } catch let failure as CommandFailure {
          throw CommandFailure(file.map { "\($0): \(failure.message)" } ?? failure.message)
        }
      }
    }
    Console.warn(
      VariableTemplate.escapedNames(variables).map {
        "--var \($0): the value holds characters that {{ \($0) }} writes as in HTML, & as &amp;; write {{{ \($0) }}} to "
          + "have it as it is"
      })
    for warning in batch.nameWarnings { Console.notice(warning) }
    guard !batch.items.isEmpty else { throw CommandFailure("no resource(s) passed to apply") }
    Console.note(
      AutomaticBackends(batch.items.map(\.resource)).notice(
        "Write \"\(AutomaticBackends.substitute)\" in a document that Kuma is to accept too."))
    switch dryRun {
    case .client:
      if batch.items.contains(where: \.resource.type.isSecret) { Console.note("the data of secrets is not shown") }
      Console.warn(batch.items.flatMap(\.notices))
      Console.write(batch.items.map { OutputFormat.yaml.text($0.neverStored.withoutData) }.joined(separator: "---\n"))
    case .server: try await ServerDryRun(items: batch.items, format: format).run(Session(global).client())
    case nil: try await apply(batch.items, client: Session(global).client())
    }
  }

  /// Whether the control plane has a resource already as it is about to be written; asked where somebody is told. Secrets may be
  /// written by who cannot read them, and are not asked for.
  private func isThere(_ resource: Resource, _ client: ControlPlaneClient) async throws(ControlPlaneError) -> Bool {
    guard Console.confirms, !resource.type.isSecret else { return false }
    let old: Resource
    do {
      old = try await client.get(resource.key)
    } catch {
      // One that does not answer is not waited for twice.
      if error.isUnconfirmed { throw error }
      return false
    }
    // The control plane adds the origin.
    func labels(_ resource: Resource) -> [String: String] { resource.labels.filter { $0.key != "kuma.io/origin" } }
    return old.spec == resource.spec && labels(old) == labels(resource)
  }

  private func apply(_ items: [ResourceBatch.Item], client: ControlPlaneClient) async throws {
    var shown: Set<String> = []
    for (index, item) in items.enumerated() {
      let resource = item.resource
      do {
        let isThere = try await isThere(resource, client)
        let outcome = try await client.put(resource)
        let place = resource.type.isMeshScoped ? " in mesh \(resource.mesh.quoted)" : ""
        let what = outcome.isCreated ? "created" : isThere ? "unchanged" : "updated"
        Console.confirm("\(resource.type.argument) \(resource.name.quoted)\(place) \(what)")
        Console.warn(item.warnings(with: outcome.warnings).filter { shown.insert($0).inserted })
      } catch {
        var error = error.during("failed to apply \(resource.key)")
        guard items.count > 1 else { throw error }
        error.violations.append(
          Violation(
            field: "\(resource.key)",
            message:
              "this was document \(index + 1) of \(items.count); the \(index) before it \(index == 1 ? "is" : "are") "
              + "applied, the others are not"))
        throw error
      }
    }
  }
}
