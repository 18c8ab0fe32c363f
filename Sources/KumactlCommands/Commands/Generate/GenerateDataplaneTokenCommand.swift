import ArgumentParser
import MeshAccess
import MeshClient
import MeshModel
import OrderedCollections

struct GenerateDataplaneTokenCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "dataplane-token", abstract: "Generate Dataplane Token.",
    discussion: """
      Generate Dataplane Token that is used to prove Dataplane identity.

      A token opens nothing but what it names: --name one Dataplane, --tag those whose tags have the values, and without \
      both every Dataplane of the mesh.

      Examples:
      kumactl generate dataplane-token --mesh demo --name demo-01 --valid-for 24h
      kumactl generate dataplane-token --mesh demo --valid-for 24h
      kumactl generate dataplane-token --mesh demo --tag kuma.io/service=web,web-api --valid-for 24h
      kumactl generate dataplane-token --mesh demo --valid-for 24h --signing-key-path /keys/key.pem --kid 1
      """)

  @Option(parsing: .unconditional, help: ArgumentHelp("name of the Dataplane", valueName: "string"))
  var name = ""

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("type of the Dataplane (\"dataplane\", \"ingress\")", valueName: "string"),
    completion: .list(DataplaneClaims.proxyTypes))
  var proxyType: String?

  @Option(parsing: .unconditional, help: ArgumentHelp("deprecated, use --proxy-type", valueName: "string"))
  var type: String?

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "required tag values for dataplane (split values by comma to provide multiple values)",
      valueName: PairsArgument.valueName))
  var tag: [PairsArgument] = []

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("how long the token will be valid (for example \"24h\")", valueName: "duration"))
  var validFor: ValidityArgument?

  @OptionGroup var mesh: MeshOptions
  @OptionGroup var token: TokenOptions
  @OptionGroup(title: GlobalOptions.section) var global: GlobalOptions

  func run() async throws {
    if type != nil { Console.notice("Flag --type has been deprecated, please use --proxy-type instead") }
    let action = "failed to generate a dataplane token"
    let proxyType = proxyType ?? type ?? ""
    let tags = tag.values.mapValues { $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init) }
    let key = try token.signingKey()
    let validFor = try validFor.required()
    guard let key else {
      let request: DocumentValue = [
        "name": .string(name), "mesh": .string(mesh.mesh),
        "tags": .object(
          DocumentValue.Object(
            uniqueKeysWithValues: tags.sorted { $0.key < $1.key }
              .map { ($0.key, .array($0.value.map { .string($0) })) })),
        "type": .string(proxyType), "validFor": .string(validFor.goText ?? ""),
      ]
      Console.write(try await Session(global).client().token("/tokens/dataplane", request, action: action))
      return
    }
    guard proxyType.isEmpty || DataplaneClaims.proxyTypes.contains(proxyType) else {
      throw CommandFailure("\(action): \(proxyType) is not a valid proxy type")
    }
    let claims = DataplaneClaims(name: name, mesh: mesh.mesh, tags: tags.mapValues { Set($0) }, proxyType: proxyType)
    do {
      Console.write(try await key.sign(claims, validFor: validFor, now: .now))
    } catch {
      throw CommandFailure("\(action): \(error.message)")
    }
  }
}
