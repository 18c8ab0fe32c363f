import ArgumentParser
import MeshAccess
import MeshModel

struct GenerateSigningKeyCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "signing-key", abstract: "Generate signing keys.",
    discussion: """
      Generate a private key for signing tokens. The newest key, that with the highest number, signs; all that are there are \
      accepted.

      Examples:
      echo "type: GlobalSecret
      name: user-token-signing-key-2
      data: {{ key }}" | kumactl apply --var key=$(kumactl generate signing-key --format=pem-base64) -f -
      kumactl generate signing-key --format=pem > /tmp/key.pem
      """)

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("format of signing key. Available values: pem-base64, pem", valueName: "string"),
    completion: .list(["pem-base64", "pem"]))
  var format = "pem-base64"

  @OptionGroup(title: GlobalOptions.section) var global: GlobalOptions

  func run() async throws {
    guard ["pem-base64", "pem"].contains(format) else {
      throw CommandFailure("invalid format \(format.quoted). Available values: pem-base64, pem")
    }
    do throws(KeyFault) {
      let pem = try SigningKey.generate(id: SecretName.firstKeyID).privatePEM
      Console.write(format == "pem" ? pem : Base64.encode(Array(pem.utf8)))
    } catch {
      throw CommandFailure("could not generate signing key: \(error)")
    }
  }
}
