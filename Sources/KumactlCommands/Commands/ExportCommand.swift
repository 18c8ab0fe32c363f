import ArgumentParser
import MeshClient
import MeshModel

struct ExportCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export", abstract: "Export Kuma resources.",
    discussion: """
      Export Kuma resources as YAML that `kumactl apply` takes: first meshes, then policies, then proxies.

      Examples:
      kumactl export > everything.yaml
      kumactl export --format kubernetes | kubectl apply -f -
      """)

  @Option(
    name: [.customShort("f", allowingJoined: true), .long], parsing: .unconditional,
    help: ArgumentHelp("form of the resources: universal or kubernetes", valueName: "string"),
    completion: .list(["universal", "kubernetes"]))
  var format = "universal"

  @Option(
    name: [.customShort("p", allowingJoined: true), .long], parsing: .unconditional,
    help: ArgumentHelp(
      "accepted for scripts of Kuma's: all, federation or federation-with-policies; everything is exported",
      valueName: "string"),
    completion: .list(["all", "federation", "federation-with-policies"]))
  var profile = "all"

  @Flag(help: "leave proxies out, which register themselves when they start")
  var withoutDataplanes = false

  @OptionGroup(title: GlobalOptions.section) var global: GlobalOptions

  func run() async throws {
    guard ["all", "federation", "federation-with-policies"].contains(profile) else {
      throw CommandFailure("invalid profile")
    }
    guard let form = ResourceDocument.Form(rawValue: format) else { throw CommandFailure("invalid format") }
    let client = try Session(global).client()
    var types: [ResourceType] = [.mesh, .trafficTrace]
    if !withoutDataplanes { types.append(.dataplane) }
    var documents: [String] = []
    for type in types {
      let resources: [Resource]
      do {
        resources = try await client.all(type, mesh: nil)
      } catch {
        throw error.during("failed to list \(type.rawValue)")
      }
      for var resource in resources {
        // The times belong to the exporting control plane.
        resource.creationTime = nil
        resource.modificationTime = nil
        documents.append(resource.document(form).yaml(sortKeys: false))
      }
    }
    Console.write(documents.joined(separator: "---\n"))
  }
}
