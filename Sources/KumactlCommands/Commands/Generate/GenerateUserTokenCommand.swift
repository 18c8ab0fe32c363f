import ArgumentParser
import MeshAccess
import MeshClient
import MeshModel

struct GenerateUserTokenCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "user-token", abstract: "Generate User Token.",
    discussion: """
      Generate User Token that is used to prove User identity.

      Examples:
      kumactl generate user-token --name john.doe@example.com --group users --valid-for 24h
      kumactl generate user-token --name john.doe@example.com --group users --valid-for 24h \
      --signing-key-path /keys/key.pem --kid 1
      """)

  @Option(parsing: .unconditional, help: ArgumentHelp("name of the user", valueName: "string"))
  var name: String

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp("group of the user; several with commas between, or given several times", valueName: "strings"))
  var group: [String] = []

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("how long the token will be valid (for example \"24h\")", valueName: "duration"))
  var validFor: ValidityArgument

  @OptionGroup var token: TokenOptions
  @OptionGroup(title: GlobalOptions.section) var global: GlobalOptions

  func run() async throws {
    let action = "failed to generate a user token"
    let groups = group.flatMap { $0.split(separator: ",").map(String.init) }
    let key = try token.signingKey()
    let validFor = try ValidityArgument?.some(validFor).required()
    guard !name.isEmpty else { throw CommandFailure("\(action): the name of the user is empty; name it with --name") }
    guard let key else {
      let request: DocumentValue = [
        "name": .string(name), "groups": .array(groups.map { .string($0) }),
        "validFor": .string(validFor.goText ?? ""),
      ]
      Console.write(try await Session(global).client().token("/tokens/user", request, action: action))
      return
    }
    do {
      Console.write(try await key.sign(User(name: name, groups: Set(groups)), validFor: validFor, now: .now))
    } catch {
      throw CommandFailure("\(action): \(error.message)")
    }
  }
}
