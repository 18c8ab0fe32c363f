import ArgumentParser
import MeshClient
import MeshModel

struct ExportCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export", abstract: "Export Kuma resources.",
    discussion: """
      Export Kuma resources as YAML that `kumactl apply` takes: first meshes, then policies, then proxies.
      Secrets are left out, and secret values of meshes are masked; notes on standard error say which.

      Examples:
      kumactl export > everything.yaml

      # For a control plane of Kuma, which refuses the apiVersion "auto" of a tracing backend
      kumactl export --for-kuma > kuma.yaml
      kumactl export --for-kuma --format kubernetes | kubectl apply -f -
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

  @Flag(help: "write apiVersion \"httpJson\" where a tracing backend has \"auto\", which Kuma refuses")
  var forKuma = false

  @OptionGroup(title: GlobalOptions.section) var global: GlobalOptions

  func run() async throws {
    guard ["all", "federation", "federation-with-policies"].contains(profile) else {
      throw CommandFailure("invalid profile")
    }
    guard let form = ResourceDocument.Form(rawValue: format) else { throw CommandFailure("invalid format") }
    let client = try Session(global).client()
    var types: [ResourceType] = [.mesh, .trafficTrace]
    if !withoutDataplanes { types.append(.dataplane) }
    var resources: [Resource] = []
    for type in types {
      do {
        resources += try await client.all(type, mesh: nil)
      } catch {
        throw error.during("failed to list \(type.rawValue)")
      }
    }
    // Who may not list secrets exports the rest.
    var secrets: [Resource] = []
    for type in ResourceType.allCases where type.isSecret { secrets += (try? await client.all(type, mesh: nil)) ?? [] }
    if forKuma { resources = resources.map(AutomaticBackends.replaced(in:)) }
    let documents = resources.map { resource in
      // The times belong to the exporting control plane.
      var resource = resource
      resource.creationTime = nil
      resource.modificationTime = nil
      return resource.document(form).yaml(sortKeys: false)
    }
    Console.write(documents.joined(separator: "---\n"))
    Console.note(
      AutomaticBackends(resources).notice(
        "For Kuma, export with --for-kuma, which writes \"\(AutomaticBackends.substitute)\" instead."))
    Console.note(HiddenValues.notice(aboutMasksIn: resources))
    Console.note(HiddenValues.notice(about: secrets))
  }
}
