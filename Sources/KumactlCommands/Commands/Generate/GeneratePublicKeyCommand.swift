import ArgumentParser
import MeshAccess

struct GeneratePublicKeyCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "public-key", abstract: "Generate public key out of signing key.",
    discussion: """
      Generate a public key for validating tokens.

      Examples:
      kumactl generate signing-key --format=pem > /tmp/key.pem
      kumactl generate public-key --signing-key-path=/tmp/key.pem
      """)

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("path to a file with PEM-encoded private signing key", valueName: "string"), completion: .file())
  var signingKeyPath: String

  @OptionGroup(title: GlobalOptions.section) var global: GlobalOptions

  func run() async throws {
    Console.write(try TokenOptions.signingKey(path: signingKeyPath, id: SecretName.firstKeyID).publicPEM)
  }
}
