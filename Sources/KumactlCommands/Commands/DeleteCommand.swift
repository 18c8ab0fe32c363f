import ArgumentParser
import MeshClient
import MeshModel

struct DeleteCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "delete", abstract: "Delete Kuma resources.",
    discussion: """
      Delete Kuma resources.

      Examples:
      kumactl delete traffic-trace all --mesh default
      kumactl delete mesh default
      """)

  @Argument(
    help: ArgumentHelp("mesh, traffic-trace, dataplane, secret or global-secret", valueName: "TYPE"),
    completion: .list(ResourceType.allCases.filter(\.isUserWritten).map(\.argument).sorted()))
  var type: String

  @Argument(help: ArgumentHelp("the resource's name", valueName: "NAME"), completion: NameCompletion.ofNamedType)
  var name: String

  @OptionGroup var mesh: MeshOptions
  @OptionGroup(title: GlobalOptions.section) var global: GlobalOptions

  func run() async throws {
    let types = ResourceType.allCases.filter(\.isUserWritten)
    let word = type
    guard let type = types.first(where: { $0.argument == word }) else {
      let allowed = types.map(\.argument).sorted().joined(separator: ", ")
      throw CommandFailure("unknown TYPE: \(word). Allowed values: \(allowed)")
    }
    let client = try Session(global).client()
    do {
      try await client.delete(ResourceKey(type: type, mesh: mesh.mesh, name: name))
    } catch {
      guard error.code == .notFound else { throw error.during("failed to delete \(type.rawValue) \"\(name)\"") }
      throw CommandFailure("there is no \(type.rawValue) with name \(name.quoted)")
    }
    Console.write("deleted \(type.rawValue) \(name.quoted)\n")
  }
}
