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
    help: ArgumentHelp("variable to fill in, in the form name=value; may be given several times", valueName: "string"))
  var `var`: [String] = []

  @Flag(help: "print the resources as they would be applied, without applying them")
  var dryRun = false

  @OptionGroup(title: CommandTree.globalSection) var global: GlobalOptions

  func run() async throws {
    let variables: [String: String]
    do {
      variables = try VariableTemplate.variables(`var`)
    } catch {
      throw CommandFailure("\(error)")
    }
    // Everything is read and checked before anything is written.
    var batch = ResourceBatch()
    for source in file {
      for text in try await ResourceSource(source).texts() { try batch.add(text, variables: variables) }
    }
    guard !batch.items.isEmpty else { throw CommandFailure("no resource(s) passed to apply") }
    if dryRun {
      Console.warn(batch.items.flatMap(\.notices))
      Console.write(batch.items.map { OutputFormat.yaml.text($0.neverStored) }.joined(separator: "---\n"))
      return
    }
    try await apply(batch.items, client: Session(global).client())
  }

  private func apply(_ items: [ResourceBatch.Item], client: ControlPlaneClient) async throws {
    for (index, item) in items.enumerated() {
      let resource = item.resource
      do {
        let outcome = try await client.put(resource)
        Console.warn(item.notices.filter { !item.isRepeated($0, in: outcome.warnings) } + outcome.warnings)
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
