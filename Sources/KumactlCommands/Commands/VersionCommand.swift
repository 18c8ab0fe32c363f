import ArgumentParser
import MeshClient
import MeshModel
import OrderedCollections

struct VersionCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "version", abstract: "Print version.",
    discussion: """
      Print version.

      Examples:
      kumactl version
      kumactl version --detailed
      """)

  @Flag(name: [.customShort("a"), .long], help: "print everything that is known")
  var detailed = false

  @OptionGroup var ignored: IgnoredWords
  @OptionGroup(title: GlobalOptions.section) var global: GlobalOptions

  func run() async throws {
    ignored.warn()
    if detailed {
      Console.write("\(VersionStatement.details(of: "kumactl"))\n")
    } else {
      Console.write("Client: \(VersionStatement.line(of: "kumactl"))\n")
    }
    do {
      let index = try await Session(global).client().index()
      if detailed {
        let document = Self.ordered(index.document)
        Console.write(
          VersionStatement.isOnTerminal
            ? "Server:\n\(Self.lines(document))" : "Server: \(document.json(.indented(3)))\n")
      } else {
        let product = index.document["product"]?.string ?? index.tagline
        Console.write("Server: \("\(product) \(index.version)".printable)\n")
      }
    } catch let error as ControlPlaneError {
      Console.notice("Unable to connect to control plane: \(error.withAdvice.description.printableLines)")
    } catch let error as CommandFailure where error.isUnconfirmed {
      Console.notice("Unable to connect to control plane: \(error.message.printableLines)")
    }
  }

  /// The server's answer for a person: a line for each key.
  private static func lines(_ document: DocumentValue) -> String {
    (document.object ?? [:]).map { name, value in
      "   \("\(name): \(value.string ?? value.json())".printable)\n"
    }.joined()
  }

  /// The server's answer with the known keys first, in Kuma's order.
  private static func ordered(_ document: DocumentValue) -> DocumentValue {
    let known = ["hostname", "tagline", "product", "version", "instanceId", "clusterId", "gui"]
    var object: DocumentValue.Object = [:]
    for key in known { object[key] = document[key] }
    return .object(object.merging(document.object ?? [:]) { first, _ in first })
  }
}
